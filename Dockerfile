# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches outlive the layer, so that a change in our code does not compile the dependencies again; the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin stellar-submitter \
    && install -D target/release/stellar-submitter /out/stellar-submitter

FROM debian:bookworm-slim
# The certificates are what Horizon's are checked against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin submitter
COPY --from=build /out/stellar-submitter /usr/local/bin/stellar-submitter
COPY LICENSE /usr/share/doc/stellar-submitter/LICENSE

USER submitter
# Inside a container loopback is nobody's; what is published is decided outside.
ENV SUBMITTER__API__LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
# Ready means: database, Horizon and signer are there. Asked through the shell, because the image has no HTTP client and needs none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["stellar-submitter"]
CMD ["run"]
