"""Tell customers what became of their orders, by messages to the Kindo producer.

python notify.py orders.json

Where messages go, and who signs them, is said by the environment or a `.env` beside this file.
"""

import json
import sys
from pathlib import Path

from kindo_message_client.config import ConfigError
from kindo_message_client.producer import ProducerPayload, send_to_producer


def message_for(order: dict) -> ProducerPayload:
    """Return what the customer is told; who pays is told to nobody on the way."""
    if order["status"] == "paid":
        return {
            "event_type": "payment.processed",
            "message_channel": "internal",
            "behavior": "instant",
            "security_level": "sensitive",
            "payload": {
                "order_id": order["id"],
                "amount": order["amount"],
                "credit_card_last4": order["credit_card_last4"],
            },
        }
    return {
        "event_type": "order.status_update",
        "message_channel": order.get("channel", "email"),
        "behavior": "instant",
        "payload": {"order_id": order["id"], "status": order["status"], "to": order["to"]},
    }


def main(path: str) -> int:
    failed = 0
    for order in json.loads(Path(path).read_text("utf-8")):
        message = message_for(order)
        hidden = ["credit_card_last4"] if message.get("security_level") == "sensitive" else []
        try:
            tracking_id = send_to_producer(None, message, hash_fields=hidden)
        except (ValueError, RuntimeError) as error:
            failed += 1
            print(f"{order['id']}  {error}", file=sys.stderr)
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
        else:
            print(f"{order['id']}  {message['event_type']}  {tracking_id}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
