# Two images from one file: `docker build --target operator .` and `--target worker`. Both are a virtual environment
# made from uv.lock on a bare Python; what builds it stays behind in the builder stages.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS builder
ARG UV_VERSION=0.13.9
# Package index settings of whoever builds; used here only, so that none reaches an image. Proxies need no declaration.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
# SSL_CERT_FILE makes uv trust what the image trusts, a company's authority in it included.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/attune \
    UV_PYTHON_DOWNLOADS=never \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /source
COPY pyproject.toml uv.lock ./
COPY executor/pyproject.toml executor/
COPY operator/pyproject.toml operator/
# Dependencies first: they change less often than the code, and their layers are kept while they do not.
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-workspace --package attune-executor

FROM builder AS worker-builder
COPY executor executor
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable --package attune-executor

# A user with a name, since some libraries look themselves up; and no pip, which nothing here needs at run time.
FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin attune \
    && rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip
ENV PATH=/opt/attune/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001

FROM runtime AS worker
LABEL org.opencontainers.image.title="attune-worker" \
      org.opencontainers.image.description="Runs the executions of Attune's action queues" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=worker-builder /opt/attune /opt/attune
ENTRYPOINT ["attune-worker"]

FROM builder AS operator-builder
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-workspace --package attune-operator
COPY executor executor
COPY operator operator
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable --package attune-operator

FROM runtime AS operator
LABEL org.opencontainers.image.title="attune-operator" \
      org.opencontainers.image.description="Executor of Attune's action queues and Kubernetes operator for them" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=operator-builder /opt/attune /opt/attune
ENTRYPOINT ["attune-operator"]
