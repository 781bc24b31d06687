#!/bin/sh
# Fetch a month's payroll files, check every byte, and say that payroll has them.
#
#   INCENTIVES_URL=https://pay.example.com INCENTIVES_TOKEN=inc_… examples/payroll_pull.sh 2026-06 adp payroll
#
# Needs curl, sha256sum and python3. The token needs payouts:read and payouts:acknowledge. Run it again, and it
# fetches nothing twice; it ends with an error, and without a receipt, if a file is not what its digest says.
set -eu

month=$1 profile=${2:-generic} folder=${3:-payroll}
api=$INCENTIVES_URL/api/v1/payouts/$month
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ask() { # the token is read from a file: arguments can be seen by others on this machine
    curl --silent --show-error --fail-with-body --header "@$work/token" "$@"
}
umask 077
printf 'Authorization: Bearer %s\n' "$INCENTIVES_TOKEN" > "$work/token"

ask "$api?profile=$profile" --output "$work/control.json"
python3 - "$work/control.json" > "$work/files" <<'PYTHON'
import json, sys
control = json.load(open(sys.argv[1], encoding="utf-8"))
for file in control["files"]:
    print(file["name"], file["sha256"], file["url"])
PYTHON

while read -r name sha256 url; do
    if ! echo "$sha256  $folder/$name" | sha256sum --check --status 2> "$work/unread"; then
        ask "$INCENTIVES_URL$url" --output "$work/$name"
        echo "$sha256  $work/$name" | sha256sum --check --status || { echo "$name: not what was sent" >&2; exit 1; }
        mv "$work/$name" "$folder/$name"
    fi
    echo "$folder/$name $sha256"
    last=$sha256
done < "$work/files"

printf '{"profile": "%s", "sha256": "%s", "note": "payroll_pull.sh"}' "$profile" "$last" > "$work/receipt.json"
status=$(curl --silent --header "@$work/token" --json "@$work/receipt.json" --output "$work/answer" \
    --write-out '%{http_code}' "$api/receipt")
case $status in
200) echo "Payroll has $month." ;;
409) echo "Payroll had $month before." ;;
*) cat "$work/answer" >&2; exit 1 ;;
esac
