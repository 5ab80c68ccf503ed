"""Send signed messages to the Kindo producer.

Importing this package imports nothing; take the module that you need:

* `kindo_message_client.producer`: `send_to_producer`, for scripts.
* `kindo_message_client.aio`: `ProducerClient`, for event loops and for many messages.
* `kindo_message_client.testing`: a producer on this machine, for tests.
"""

__all__: list[str] = []
