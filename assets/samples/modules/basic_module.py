"""A small HTTP API: routes, a secret, a metric, a health check.

curl http://127.0.0.1:8700/m/greeter/greet/Ada
kiket-console secrets set GREETING                    then greet once more
"""

from fastapi import FastAPI

from pywatt_sdk import AnnouncedEndpoint, AppState, SecretError, pywatt_module


@pywatt_module(
    endpoints=[
        AnnouncedEndpoint(path="/", methods=["GET"]),
        AnnouncedEndpoint(path="/greet/:name", methods=["GET"]),
    ],
    health="/health",
    metrics=True,
)
async def create_app(app_state: AppState) -> FastAPI:
    app = FastAPI(title="Greeter")
    greeted = app_state.metrics.counter("greetings_total")

    @app.get("/")
    async def root() -> dict[str, str]:
        return {"module": app_state.module_id, "try": "/greet/Ada"}

    @app.get("/greet/{name}")
    async def greet(name: str) -> dict[str, str]:
        greeted.inc()
        try:
            greeting = (await app_state.get_secret("GREETING")).expose_secret()
        except SecretError:  # nobody has set it yet
            greeting = "Hello"
        return {"message": f"{greeting}, {name}!"}

    return app
