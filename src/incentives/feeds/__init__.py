"""Facts from outside: the CSV folder of formats.md, and the payloads of other systems."""
