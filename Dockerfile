FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# For aftercall version: the context has no .git. make image passes both.
ARG COMMIT COMMIT_DATE
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.commit=${COMMIT} -X main.commitDate=${COMMIT_DATE}" -o /out/ ./cmd/aftercall ./cmd/simulator
# A named volume takes the owner of the folder that it is mounted over.
RUN mkdir -p /data/inbox /data/recordings /data/dials

FROM gcr.io/distroless/static-debian12:nonroot AS simulator
COPY --from=build /out/simulator /usr/local/bin/simulator
ENTRYPOINT ["/usr/local/bin/simulator"]

FROM gcr.io/distroless/static-debian12:nonroot AS aftercall
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build /out/aftercall /usr/local/bin/aftercall
ENV AFTERCALL_INBOX_URL=sqlite:/data/inbox/inbox.db AFTERCALL_RECORDINGS_URL=file:/data/recordings AFTERCALL_DIAL_LEDGER_URL=file:/data/dials AFTERCALL_LOG_FORMAT=json
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/usr/local/bin/aftercall", "health"]
ENTRYPOINT ["/usr/local/bin/aftercall"]
CMD ["run"]
