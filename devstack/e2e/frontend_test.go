package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/internal/certfile/certtest"
)

// tlsFrontend stands before a Temporal like a foreign cluster's frontend: it speaks TLS, identifies its clients by API key
// or by certificate, gives each the access of its role by Temporal's own table, and may refuse single methods.
type tlsFrontend struct {
	address   string
	authority string // file with the authority of its certificate
	behind    *grpc.ClientConn

	mu      sync.Mutex
	roles   map[string]api.Access      // by API key; "" for a certificate
	refuses map[string]bool            // methods that are refused to everybody
	called  map[string]map[string]bool // methods by API key
}

// serveTLS serves a Temporal over TLS. If clients are given, each must present a certificate of that authority.
func serveTLS(t *testing.T, behind string, clients *x509.CertPool, roles map[string]api.Access) *tlsFrontend {
	t.Helper()
	conn, err := grpc.NewClient(behind, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	own := certtest.New("127.0.0.1")
	f := &tlsFrontend{
		behind: conn, authority: filepath.Join(t.TempDir(), "ca.pem"), roles: roles,
		refuses: map[string]bool{}, called: map[string]map[string]bool{},
	}
	require.NoError(t, os.WriteFile(f.authority, own.Authority, 0o600))
	wants := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own.Certificate}}
	if clients != nil {
		wants.ClientAuth, wants.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.address = l.Addr().String()
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(wants)), grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(f.forward),
		grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return f
}

// refuse refuses these methods to everybody, and allows all others.
func (f *tlsFrontend) refuse(methods ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.refuses)
	for _, m := range methods {
		f.refuses[m] = true
	}
}

// calls returns the methods that a client has called.
func (f *tlsFrontend) calls(key string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.called[key]))
}

// may decides like Temporal's own authorizer: health checks and the server's description are open to everybody.
func (f *tlsFrontend) may(key, full string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	role, known := f.roles[key]
	if !known {
		return status.Error(codes.Unauthenticated, "Request unauthorized.")
	}
	method := path.Base(full)
	if f.called[key] == nil {
		f.called[key] = map[string]bool{}
	}
	f.called[key][method] = true
	open := strings.HasPrefix(full, "/grpc.health.") || method == "GetSystemInfo"
	if f.refuses[method] || !open && role < api.GetMethodMetadata(full).Access {
		return status.Error(codes.PermissionDenied, "Request unauthorized.")
	}
	return nil
}

// forward passes on a call without reading it.
func (f *tlsFrontend) forward(_ any, stream grpc.ServerStream) error {
	full, ok := grpc.MethodFromServerStream(stream)
	if !ok {
		return errors.New("a call without a method")
	}
	meta, _ := metadata.FromIncomingContext(stream.Context())
	key := strings.TrimPrefix(strings.Join(meta["authorization"], ""), "Bearer ")
	if err := f.may(key, full); err != nil {
		return err
	}
	var request, answer []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	meta = meta.Copy()
	meta.Delete("authorization")
	err := f.behind.Invoke(metadata.NewOutgoingContext(stream.Context(), meta), full, &request, &answer, grpc.ForceCodec(raw{}),
		grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20))
	if err != nil {
		return err
	}
	return stream.SendMsg(&answer)
}

// raw leaves messages unchanged.
type raw struct{}

// Marshal implements encoding.Codec.
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

// Unmarshal implements encoding.Codec.
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = slices.Clone(data)
	return nil
}

// Name implements encoding.Codec.
func (raw) Name() string { return "proto" }
