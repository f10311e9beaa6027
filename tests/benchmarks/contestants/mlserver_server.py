"""MLServer: `python -m tests.benchmarks.contestants.mlserver_server PORT`."""

import asyncio
import sys

from mlserver import MLServer, ModelSettings, Settings

from tests.benchmarks.contestants.mlserver_runtime import ThreeOrSeven


async def serve(port: int) -> None:
    """Serve in one process: `parallel_workers` would add an inter-process call to each request."""
    settings = Settings(host="127.0.0.1", http_port=port, grpc_port=0, metrics_port=0, parallel_workers=0, debug=False)
    server = MLServer(settings)
    await server.start([ModelSettings(name="three-or-seven", implementation=ThreeOrSeven)])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
