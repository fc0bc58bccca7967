import requests
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float = 1.5


@app.get("/item/{name}")
def item(name: str) -> Item:
    return Item(name=name)


@app.get("/")
def index() -> dict:
    answer = requests.get("https://127.0.0.1:__PORT__/item/boat", verify="/app/ca.crt", timeout=10)
    with open(requests.certs.where()) as file:
        return {"asked": answer.json(), "trusts": file.read().count("BEGIN") > 50}
