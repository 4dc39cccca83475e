# One file for every image of Toom: server, client and scenarios are targets of it.
#
# BASE_IMAGE is the ordinary Python image where a registry answers, and one that make builds from
# Debian packages where none does (scenarios/toom_scenarios/base_image.py). Both bring python3 with
# venv; whatever else is missing is installed here. The order of the stages matters: a builder
# without buildkit builds every stage that stands before the wanted one.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS base
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PATH=/opt/toom/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore LANG=C.UTF-8
# iproute2: faults on links are made with `ip` and `tc` inside a host; procps: to look around by hand.
RUN if ! { command -v ip && command -v ps; } >/dev/null; then \
      apt-get update -qq && apt-get install -y -qq --no-install-recommends iproute2 procps \
      && rm -rf /var/lib/apt/lists/*; fi
# The number is fixed, and far from those of people, so that files in volumes keep their owner.
RUN useradd --uid 10001 --create-home --shell /bin/bash toom \
 && python3 -m venv /opt/toom

FROM base AS wheel
RUN pip install -q wheel hatchling
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY server server
COPY client client
COPY scenarios scenarios
RUN pip wheel -q --no-deps --no-build-isolation --wheel-dir /wheel .

FROM base AS server
# Faster where there is a wheel for this machine; the server does without it, too.
RUN pip install -q --only-binary :all: uvloop || echo "uvloop: no wheel for this machine; going on without"
COPY --from=wheel /wheel /wheel
RUN pip install -q --no-deps /wheel/*.whl && rm -rf /wheel \
 && install -d -o toom -g toom /var/lib/toom
# A fresh volume mounted here is filled with what stands here: the sample accounts.
COPY --chown=toom:toom server/credentials.txt /var/lib/toom/credentials.txt
WORKDIR /var/lib/toom
USER toom
# No HEALTHCHECK here: a stage of the scenarios uses this image for a host whose server starts and
# stops as the story wants. docker-compose.yml has one.
CMD ["toom-server", "4000", "3"]

FROM base AS tools
COPY pyproject.toml /tmp/
RUN python -c "import tomllib; print(*tomllib.load(open('/tmp/pyproject.toml','rb'))['project']['optional-dependencies']['scenarios'], sep='\n')" > /tmp/requirements.txt \
 && pip install -q -r /tmp/requirements.txt && rm /tmp/requirements.txt /tmp/pyproject.toml

FROM tools AS videos
ARG CHECKOUT=none
COPY scenarios/toom_scenarios/videos.py /tmp/videos.py
RUN python /tmp/videos.py --small /videos
LABEL toom.checkout=${CHECKOUT}

FROM base AS client
COPY --from=wheel /wheel /wheel
RUN pip install -q --no-deps /wheel/*.whl && rm -rf /wheel
COPY --from=videos --chown=toom:toom /videos /usr/share/toom/videos
WORKDIR /home/toom
USER toom
# A client host is a machine: it idles until somebody sits down at it.
CMD ["sleep", "infinity"]

FROM tools AS scenarios
COPY --from=wheel /wheel /wheel
RUN pip install -q --no-deps /wheel/*.whl && rm -rf /wheel \
 && mkdir -p /work/reports
COPY containers/story-and-suite.sh /usr/local/bin/story-and-suite
WORKDIR /work
# Root, as the only one: the engine's socket belongs to root.
CMD ["toom", "run", "--on", "docker"]
