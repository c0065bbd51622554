"""The least service that answers the same model: Starlette, orjson, XGBoost. The benchmark of ours starts it beside."""

from __future__ import annotations

import socket
import sys

import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nightloop.model.models import import_xgboost


def application(model: str, names: list[str]) -> Starlette:
    """Return an application that answers rows of these columns, without a check, a record or a reason."""
    booster = import_xgboost(light=True).Booster(model_file=model)
    booster.set_param({"nthread": 1})

    async def predict(request: Request) -> Response:
        row = orjson.loads(await request.body())
        values = np.array([[row[name] for name in names]], dtype=np.float32)
        probability = float(booster.inplace_predict(values, validate_features=False)[0])
        answer = {"key": {"id": row["id"]}, "probability": probability, "decision": probability >= 0.5}
        return Response(orjson.dumps(answer), media_type="application/json")

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = uvicorn.Server(
        uvicorn.Config(application(sys.argv[1], sys.argv[2].split(",")), log_level="error", access_log=False)
    )
    server.run(sockets=[listener])
