FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY policies policies
COPY valuesets valuesets
COPY cards cards
RUN python -m venv /opt/defib-coverage \
 && /opt/defib-coverage/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11-slim
RUN useradd --system --no-create-home --uid 10001 defib
COPY --from=build /opt/defib-coverage /opt/defib-coverage
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s CMD ["/opt/defib-coverage/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["/opt/defib-coverage/bin/defib-coverage", "serve", "--host", "0.0.0.0", "--port", "8000"]
