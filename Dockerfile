# One file for every image of Toom: server, client and scenarios are targets of it.
#
# BASE_IMAGE is the ordinary Python image where a registry answers, and one that make builds from
# Debian packages where none does (scenarios/toom_scenarios/base_image.py). Both bring python3 with
# venv; whatever else is missing is installed here.
#
# The server needs Python alone; what the client needs (pyproject.toml: dependencies) is installed
# once, in a stage on which client and scenarios stand.
#
# A builder without buildkit builds every stage that stands before the wanted one, and spends two
# seconds on each step on some hosts: so the stages have this order, the steps are few, and the
# program, which changes most, comes last in each.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS base
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST
ENV PATH=/opt/toom/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# iproute2: faults on links are made with `ip` and `tc` inside a host; procps: to look around by hand.
# The user's number is fixed, and far from those of people, so that files in volumes keep their owner.
RUN if ! { command -v ip && command -v ps; } >/dev/null; then \
      apt-get update -qq && apt-get install -y -qq --no-install-recommends iproute2 procps \
      && rm -rf /var/lib/apt/lists/*; fi \
 && useradd --uid 10001 --create-home --shell /bin/bash toom \
 && python3 -m venv /opt/toom

# The program as it will lie in /opt/toom, without the tools that made it.
FROM base AS program
ARG CHECKOUT=none
LABEL toom.checkout=${CHECKOUT}
RUN pip install -q hatchling
WORKDIR /src
COPY . .
RUN pip install -q --no-deps --no-build-isolation --prefix /opt/program .

FROM base AS server
# uvloop and caio: faster where there is a wheel for this machine; the server does without, too.
RUN { pip install -q --only-binary :all: uvloop caio || echo "no wheels for this machine"; } \
 && install -d -o toom -g toom /var/lib/toom
WORKDIR /var/lib/toom
# No HEALTHCHECK here: a stage of the scenarios uses this image for a host whose server starts and
# stops as the story wants. docker-compose.yml has one.
CMD ["toom-server", "4000", "3"]
USER toom
# A fresh volume mounted on the directory is filled with what stands there: the sample accounts.
COPY --chown=toom:toom server/credentials.txt ./
COPY --from=program /opt/program /opt/toom

# What the client needs for transfers; by name, so that a change of pyproject.toml costs no download.
FROM base AS libraries
RUN pip install -q 'cryptography>=47' 'blake3>=1'

FROM libraries AS tools
COPY pyproject.toml scenarios/toom_scenarios/videos.py /tmp/
RUN python -c "import tomllib; print(*tomllib.load(open('/tmp/pyproject.toml','rb'))['project']['optional-dependencies']['scenarios'], sep='\n')" > /tmp/requirements.txt \
 && pip install -q -r /tmp/requirements.txt \
 && python /tmp/videos.py --small /usr/share/toom/videos \
 && rm -r /tmp/*

FROM libraries AS client
WORKDIR /home/toom
# A client host is a machine: it idles until somebody sits down at it.
CMD ["sleep", "infinity"]
USER toom
COPY --from=tools /usr/share/toom /usr/share/toom
COPY --from=program /opt/program /opt/toom

FROM tools AS scenarios
# Root, as the only one: the engine's socket belongs to root.
WORKDIR /work
CMD ["toom", "run", "--on", "docker"]
COPY containers/story-and-suite.sh /usr/local/bin/story-and-suite
COPY --from=program /opt/program /opt/toom
