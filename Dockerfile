FROM node:22-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 PATH=/srv/graphwright/.venv/bin:$PATH
WORKDIR /srv/graphwright
RUN pip install --no-cache-dir uv==0.13.8
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --all-extras --no-dev --no-install-project --no-cache
COPY README.md LICENSE ./
COPY alembic/ alembic/
COPY examples/ examples/
COPY app/ app/
RUN uv sync --frozen --all-extras --no-dev --no-cache && python -m compileall -q app alembic
COPY --from=web /web/dist web/dist
RUN useradd --system --create-home graphwright
USER graphwright
EXPOSE 8000
CMD ["graphwright", "serve", "--host", "0.0.0.0"]
