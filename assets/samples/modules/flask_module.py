"""The same with Flask: notes in memory.

    curl http://127.0.0.1:8700/m/notes/notes --json '{"text": "milk"}'
    curl http://127.0.0.1:8700/m/notes/notes

Needs Flask: `pip install 'kiket-console[flask]'`.
"""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from pywatt_sdk import AnnouncedEndpoint, AppState, pywatt_module


@pywatt_module(
    framework="flask",
    endpoints=[AnnouncedEndpoint(path="/notes", methods=["GET", "POST"])],
)
def create_app(app_state: AppState) -> Flask:
    app = Flask(__name__)
    notes: list[str] = []

    @app.get("/notes")
    def read() -> ResponseReturnValue:
        return jsonify(module=app_state.module_id, notes=notes)

    @app.post("/notes")
    def write() -> ResponseReturnValue:
        said = request.get_json(silent=True)
        if not isinstance(said, dict) or not isinstance(said.get("text"), str):
            return jsonify(error='Send {"text": "…"}.'), 400
        notes.append(said["text"])
        return jsonify(count=len(notes)), 201

    return app
