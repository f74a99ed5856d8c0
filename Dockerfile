# The base image; for images that come out the same every time, name it by its digest:
#   docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:... .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# The time of everything that is made here, seconds since 1970.
ARG SOURCE_DATE_EPOCH=1763769600
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY deploy/build.lock deploy/requirements.lock deploy/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r deploy/build.lock \
 && python -m venv --without-pip /opt/defib-coverage \
 && /opt/build/bin/pip --python /opt/defib-coverage/bin/python install \
      --no-compile --require-hashes -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY policies policies
COPY valuesets valuesets
COPY cards cards
# Compiled without times of files: what is made of the same sources is the same.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/build/bin/pip --python /opt/defib-coverage/bin/python install \
      --no-compile --no-deps --no-index /wheel/*.whl \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/defib-coverage/lib

FROM ${BASE}
ARG SOURCE_DATE_EPOCH=1763769600
RUN groupadd --system --gid 10001 defib \
 && useradd --system --no-create-home --no-log-init --uid 10001 --gid 10001 \
      --shell /usr/sbin/nologin defib \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/defib-coverage
COPY --from=build /opt/defib-coverage /opt/defib-coverage
ENV DEFIB_COVERAGE_STATE=/var/lib/defib-coverage \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/defib-coverage
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["/opt/defib-coverage/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["/opt/defib-coverage/bin/defib-coverage"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
