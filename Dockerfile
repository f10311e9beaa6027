FROM python:3.13-slim AS build
WORKDIR /srv
COPY requirements.lock .
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements.lock \
    && find /venv -type d -name tests -prune -exec rm -r {} +
COPY app app
COPY weights weights
RUN python -m compileall -q app

FROM python:3.13-slim
COPY --from=build /venv /venv
COPY --from=build /srv/app /srv/app
COPY --from=build /srv/weights /srv/weights
WORKDIR /srv
LABEL org.opencontainers.image.title="Three or Seven"
USER 10001:10001
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/dev/shm \
    THREE_OR_SEVEN_HOST=0.0.0.0 \
    THREE_OR_SEVEN_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --start-interval=1s \
    CMD ["python", "-m", "app.server.healthcheck"]
CMD ["python", "-m", "app"]
