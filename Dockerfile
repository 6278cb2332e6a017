# Muster in one image: `web`, `worker` and `release` of the Procfile are commands of it.
FROM python:3.12-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /usr/local/bin/uv
WORKDIR /src
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=/opt/muster
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY bot ./bot
COPY runbooks ./runbooks
COPY migrations ./migrations
RUN uv sync --frozen --no-default-groups --no-editable

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 muster
COPY --from=build /opt/muster /opt/muster
ENV PATH=/opt/muster/bin:$PATH HOST=0.0.0.0 PORT=8000 PYTHONUNBUFFERED=1 MUSTER_LOG_JSON=true
USER muster
WORKDIR /home/muster
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["muster"]
CMD ["serve"]
