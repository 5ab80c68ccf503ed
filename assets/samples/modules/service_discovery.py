"""Two modules that find each other: a catalog that offers prices, and a shop that asks for them.

Both are this file; `ROLE` in kiket.toml says which one it is.

    curl http://127.0.0.1:8700/m/shop/price/tea          over HTTP, found by discovery
    curl http://127.0.0.1:8700/m/shop/order/tea -X POST  as a message, by way of the orchestrator
"""

import os

import httpx
from fastapi import FastAPI, HTTPException

from pywatt_sdk import AnnouncedEndpoint, AppState, pywatt_module

PRICES = {"tea": 3.2, "coffee": 4.1, "cake": 5.5}
IS_CATALOG = os.environ.get("ROLE") == "catalog"

CATALOG_ENDPOINTS = [AnnouncedEndpoint(path="/items/:name", methods=["GET"])]
SHOP_ENDPOINTS = [
    AnnouncedEndpoint(path="/price/:name", methods=["GET"]),
    AnnouncedEndpoint(path="/order/:name", methods=["POST"]),
]


@pywatt_module(endpoints=CATALOG_ENDPOINTS if IS_CATALOG else SHOP_ENDPOINTS)
async def create_app(app_state: AppState) -> FastAPI:
    return await catalog(app_state) if IS_CATALOG else await shop(app_state)


async def catalog(app_state: AppState) -> FastAPI:
    app = FastAPI(title="Catalog")
    await app_state.register_service(name="prices", service_type="catalog")

    @app.get("/items/{name}")
    async def item(name: str) -> dict[str, object]:
        if name not in PRICES:
            raise HTTPException(404, f"There is no {name}.")
        return {"name": name, "price": PRICES[name]}

    @app_state.on_message("order")
    async def order(message: dict[str, str]) -> dict[str, object]:
        name = message["item"]
        return {"accepted": name in PRICES, "total": PRICES.get(name, 0)}

    return app


async def shop(app_state: AppState) -> FastAPI:
    app = FastAPI(title="Shop")

    @app.get("/price/{name}")
    async def price(name: str) -> dict[str, object]:
        found = await app_state.discover_services("catalog")
        if not found:
            raise HTTPException(503, "No catalog is running.")
        async with httpx.AsyncClient(base_url=f"http://{found[0].address}") as client:
            answer = await client.get(f"/items/{name}")
        if answer.status_code == 404:
            raise HTTPException(404, f"There is no {name}.")
        return {"price": answer.json()["price"], "from": found[0].name}

    @app.post("/order/{name}")
    async def order(name: str) -> dict[str, object]:
        answer: dict[str, object] = await app_state.send_request(
            "catalog", {"type": "order", "item": name}
        )
        return answer

    return app
