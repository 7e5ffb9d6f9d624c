# The image of every program: worker, migrate, flower, and the command line.
#
# Only files whose hashes stand in requirements.lock get into /wheels; from there, without any
# index, the wheel takes what it needs itself.
FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.lock ./
RUN pip download --require-hashes --no-deps --only-binary :all: --dest /wheels --requirement requirements.lock
RUN pip install --no-index --find-links /wheels build hatchling
COPY pyproject.toml README.md CHANGELOG.md ./
COPY dispatcher dispatcher
COPY workers workers
COPY console console
COPY sandbox sandbox
COPY migrations migrations
RUN python -m build --no-isolation --wheel --outdir /wheels
RUN python -m venv --without-pip /opt/dispatcher
RUN pip --python /opt/dispatcher/bin/python install --no-index --find-links /wheels 'push-campaign-dispatcher[console,monitoring,tracing]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/dispatcher dispatcher
COPY --from=build /opt/dispatcher /opt/dispatcher
ENV PATH=/opt/dispatcher/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DISPATCHER_HOME=/var/lib/dispatcher
WORKDIR /var/lib/dispatcher
USER dispatcher
CMD ["dispatcher", "worker"]
