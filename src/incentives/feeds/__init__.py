"""Facts from outside: the CSV folder of docs/formats.md, and the payloads of other systems."""
