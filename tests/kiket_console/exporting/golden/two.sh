#!/bin/sh
# Written by kiket-console VERSION.

# 1204 issue.updated v2
# Set $KIKET_WEBHOOK_SECRET: it is signed (k0) when it runs.
(
: "${KIKET_WEBHOOK_SECRET:?set it first}"; export KIKET_WEBHOOK_SECRET
body() { printf %s '{"issue": {"id": 42, "api_token": "hunter2"}, "note": "it'\''s `fine`"}'; }
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
mac=$(body | python3 -c 'import hmac, os, sys; key = os.environ["KIKET_WEBHOOK_SECRET"].encode(); signed = sys.argv[1].encode() + sys.stdin.buffer.read(); print(hmac.digest(key, signed, "sha256").hex())' '')
body | curl -i \
  'http://127.0.0.1:8700/v/v2/webhooks/issue.updated?a=1' \
  -H 'Content-Type: application/json' \
  -H 'X-Kiket-Delivery: d0b6f1b2' \
  -H "x-kiket-signature: $mac" \
  -H "x-kiket-timestamp: $now" \
  -H 'accept:' \
  -H 'user-agent:' \
  --data-binary @-
)

# 1205 issue.*created* v2
base64 -d <<'END' | curl -i \
  'http://127.0.0.1:8700/webhooks/x?token=hunter2&a=1' \
  -H 'Content-Type: application/json' \
  -H 'X-Kiket-Delivery: d0b6f1b2' \
  -H 'X-Kiket-Signature: 0000000000000000000000000000000000000000000000000000000000000000' \
  -H 'X-Kiket-Timestamp: 2026-11-20T14:05:07Z' \
  -H 'accept:' \
  -H 'user-agent:' \
  --data-binary @-
/wBiaW5hcnk=
END
