# Two images from one file: `docker build --target operator .` and `--target worker`. Both are a virtual environment
# made from uv.lock on a bare Python; what builds it stays behind in the other stages. Dependencies and code are layers
# of their own: a change of code moves some hundred kilobytes, whether to a registry or to a node.
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

FROM builder AS worker-dependencies
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-workspace --package attune-executor

FROM worker-dependencies AS worker-code
COPY executor executor
RUN /opt/uv/bin/uv pip install --no-deps --python /opt/attune --prefix /opt/code ./executor

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
COPY --from=worker-dependencies /opt/attune /opt/attune
COPY --from=worker-code /opt/code /opt/attune
ENTRYPOINT ["attune-worker"]

FROM worker-dependencies AS operator-dependencies
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-workspace --package attune-operator

FROM operator-dependencies AS operator-code
COPY executor executor
COPY operator operator
RUN /opt/uv/bin/uv pip install --no-deps --python /opt/attune --prefix /opt/code ./executor ./operator

FROM runtime AS operator
LABEL org.opencontainers.image.title="attune-operator" \
      org.opencontainers.image.description="Executor of Attune's action queues and Kubernetes operator for them" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=operator-dependencies /opt/attune /opt/attune
COPY --from=operator-code /opt/code /opt/attune
ENTRYPOINT ["attune-operator"]
