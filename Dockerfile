# The single executable on a bare Debian.
#
# The first stage installs what the lock file names and builds dist/pairdb-node, which holds runtime, node and worker
# threads in one file and needs nothing but glibc. The second stage is that file, run by a user without rights.
#
#   docker build -t pairdb-node:0.1.0 .
#   docker run -p 50052:50052 -p 9091:9091 -v pairdb:/var/lib/pairdb pairdb-node:0.1.0 serve --host 0.0.0.0 --insecure
#
# Without arguments the node listens on the container's own loopback address only: to let others in must be said.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN npx -y bun@1.4.5 install --frozen-lockfile
COPY scripts scripts
COPY src src
RUN npx -y bun@1.4.5 run build

FROM debian:bookworm-slim
RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin pairdb \
  && install --directory --owner=1000 --group=1000 /var/lib/pairdb
COPY --from=build /build/dist/pairdb-node /usr/local/bin/pairdb-node
USER 1000:1000
ENV PAIRDB_STORAGE_DATA_DIR=/var/lib/pairdb/data
VOLUME /var/lib/pairdb
EXPOSE 50052 9091
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/pairdb-node"]
CMD ["serve"]
