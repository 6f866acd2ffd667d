# daytwo in a container, for apps that run in Compose: see docs/how-to/run-in-compose.md.
#
#   docker build -t daytwo .
#
# Any Debian, or an image made from one, with Python 3.11 or newer: bookworm and later. Its PostgreSQL and MariaDB
# clients come along; for newer servers take a newer base, or have daytwo use the clients in the servers' containers.
ARG BASE=debian:bookworm-slim

FROM $BASE AS build
ARG UV=0.13.8
# The certificates of the base, with those that its maker has added.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
 && update-ca-certificates \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check "uv==$UV"
# Only the client: the daemon is the host's. It is a package of its own from Debian 13 on.
WORKDIR /docker
RUN (apt-get download docker-cli || apt-get download docker.io) && dpkg-deb --extract ./*.deb . && ./usr/bin/docker --version
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/opt/daytwo UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
# What it depends on first: that changes seldom, and Docker keeps it.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --no-cache --no-install-project --compile-bytecode
COPY src src
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --no-cache --no-editable --compile-bytecode

FROM $BASE
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      age ca-certificates git gnupg mariadb-client openssh-client postgresql-client python3 redis-tools restic sqlite3 \
 && update-ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
 && useradd --uid 10001 --user-group --home-dir /var/lib/daytwo --create-home --shell /usr/sbin/nologin daytwo \
 && chmod 700 /var/lib/daytwo \
# The state is beside the configuration, and must outlive the container.
 && mkdir /etc/daytwo && ln -s /var/lib/daytwo /etc/daytwo/.daytwo
COPY --from=build /docker/usr/bin/docker /usr/local/bin/docker
COPY --from=build /opt/daytwo /opt/daytwo
ENV PATH=/opt/daytwo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    DAYTWO_CONFIG=/etc/daytwo/daytwo.yaml
USER daytwo
WORKDIR /var/lib/daytwo
VOLUME /var/lib/daytwo
EXPOSE 8470
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD ["daytwo", "serve", "--check"]
ENTRYPOINT ["daytwo"]
CMD ["serve", "--config", "/etc/daytwo/daytwo.yaml"]
