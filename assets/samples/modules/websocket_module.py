"""A chat room over WebSocket: what one says, all hear.

    ws://127.0.0.1:8700/m/chat/chat

Any WebSocket client will do: `python -m websockets ws://127.0.0.1:8700/m/chat/chat`.
"""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from pywatt_sdk import AnnouncedEndpoint, AppState, pywatt_module


@pywatt_module(
    endpoints=[
        AnnouncedEndpoint(path="/chat", methods=["GET"]),
        AnnouncedEndpoint(path="/people", methods=["GET"]),
    ]
)
async def create_app(app_state: AppState) -> FastAPI:
    app = FastAPI(title="Chat")
    people: set[WebSocket] = set()
    present = app_state.metrics.gauge("people_present")

    @app.get("/people")
    async def count() -> dict[str, int]:
        return {"people": len(people)}

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        people.add(socket)
        present.set(len(people))
        try:
            while True:
                said = await socket.receive_text()
                for each in list(people):
                    await each.send_text(said)
        except WebSocketDisconnect:
            pass
        finally:
            people.discard(socket)
            present.set(len(people))

    return app
