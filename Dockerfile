# The official Postgres image with pg_recommend in it, installed from the package for Debian:
#     docker build -t pg_recommend .                            PostgreSQL 17
#     docker build -t pg_recommend --build-arg POSTGRES=16 .    another major
#     docker run -e POSTGRES_PASSWORD=... -p 5432:5432 pg_recommend
ARG POSTGRES=17
ARG RELEASE=bookworm

FROM rust:1-${RELEASE} AS rust

FROM postgres:${POSTGRES}-${RELEASE} AS build
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:$PATH
WORKDIR /pg_recommend
COPY . .
RUN scripts/setup && scripts/package --deb && rm -f target/package/*-dbgsym_*

FROM postgres:${POSTGRES}-${RELEASE}
RUN --mount=type=bind,from=build,source=/pg_recommend/target/package,target=/packages \
    apt-get update && apt-get install -y --no-install-recommends /packages/*.deb && rm -rf /var/lib/apt/lists/*
# Preloading it starts the launcher, which packs events that wait after a crash.
CMD ["postgres", "-c", "shared_preload_libraries=pg_recommend"]
