# The single executable, and beside it what a C library needs: no shell, no package manager.
#
# The first stage installs what the lock file names and builds dist/pairdb-node, which holds runtime, node and worker
# threads in one file and needs nothing but glibc. The second stage is that file, run by a user without rights.
#
#   docker build -t pairdb-node:0.1.0 .
#   docker run -p 50052:50052 -p 9091:9091 -v pairdb:/var/lib/pairdb pairdb-node:0.1.0 serve --host 0.0.0.0 --insecure
#
# Without arguments the node listens on the container's own loopback address only: to let others in must be said.
# The root file system may be read-only; /var/lib/pairdb is all that is written to.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN npx -y bun@1.4.5 install --frozen-lockfile
COPY scripts scripts
COPY src src
RUN npx -y bun@1.4.5 run build
# What the last stage takes besides, since nothing can be run there.
RUN mkdir empty && echo 'pairdb:x:1000:1000::/var/lib/pairdb:/sbin/nologin' > passwd && echo 'pairdb:x:1000:' > group

FROM gcr.io/distroless/base-debian12
COPY --from=build /build/passwd /build/group /etc/
COPY --from=build --chown=1000:1000 /build/empty /var/lib/pairdb
COPY --from=build /build/dist/pairdb-node /usr/local/bin/pairdb-node
USER 1000:1000
ENV PAIRDB_STORAGE_DATA_DIR=/var/lib/pairdb/data
VOLUME /var/lib/pairdb
EXPOSE 50052 9091
STOPSIGNAL SIGTERM
# Ready or not. What restarts a container by this (Swarm does) should ask for --live instead: a full disk is no reason.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["/usr/local/bin/pairdb-node", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/pairdb-node"]
CMD ["serve"]
