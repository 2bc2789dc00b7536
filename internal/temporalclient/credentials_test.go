package temporalclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/aftercall/aftercall/internal/temporalclient"
)

// authority is a CA with one server certificate for names and addresses.
type authority struct {
	pem    []byte
	server tls.Certificate
}

func newAuthority(t *testing.T, names []string, addresses ...net.IP) authority {
	t.Helper()
	template := func(serial int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := template(time.Now().UnixNano())
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := template(2)
	leaf.DNSNames, leaf.IPAddresses = names, addresses
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	require.NoError(t, err)
	return authority{
		pem:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		server: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key},
	}
}

// tlsFrontend is a Temporal that shows a certificate, which may change, and notes the API key it was asked with last.
type tlsFrontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	shows atomic.Pointer[tls.Certificate]
	key   atomic.Pointer[string]
}

func (f *tlsFrontend) GetSystemInfo(ctx context.Context, _ *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	if m, _ := metadata.FromIncomingContext(ctx); len(m["authorization"]) > 0 {
		f.key.Store(&m["authorization"][0])
	}
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func serveTLS(t *testing.T, shows tls.Certificate) (*tlsFrontend, string) {
	t.Helper()
	f := &tlsFrontend{}
	f.shows.Store(&shows)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.shows.Load(), nil },
	})))
	workflowservice.RegisterWorkflowServiceServer(s, f)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return f, l.Addr().String()
}

// dial connects with a new connection.
func dial(t *testing.T, o client.Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, o)
	if err == nil {
		c.Close()
	}
	return err
}

// TestAuthoritiesAreReadAgain: the authority behind Temporal's certificate is changed while the process runs, and nothing
// that the file does not name is believed, before or after.
func TestAuthoritiesAreReadAgain(t *testing.T) {
	local := net.IPv4(127, 0, 0, 1)
	first, second := newAuthority(t, nil, local), newAuthority(t, nil, local)
	otherName := newAuthority(t, []string{"temporal.example"})
	f, address := serveTLS(t, first.server)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, first.pem, 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", file)
	o, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	require.NoError(t, dial(t, o))

	f.shows.Store(&second.server)
	require.Error(t, dial(t, o), "of an authority that is not in the file")
	require.NoError(t, os.WriteFile(file, append(first.pem, second.pem...), 0o600))
	require.Eventually(t, func() bool { return dial(t, o) == nil }, 20*time.Second, 50*time.Millisecond)
	f.shows.Store(&first.server)
	require.NoError(t, dial(t, o), "both are believed")

	require.NoError(t, os.WriteFile(file, otherName.pem, 0o600))
	f.shows.Store(&otherName.server)
	t.Setenv("TEMPORAL_TLS_SERVER_NAME", "temporal.example")
	named, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	require.NoError(t, dial(t, named), "the name that is asked for")
	require.Eventually(t, func() bool {
		f.shows.Store(&first.server)
		return dial(t, o) != nil
	}, 20*time.Second, 50*time.Millisecond, "what is gone from the file is not believed any more")
	f.shows.Store(&otherName.server)
	require.ErrorContains(t, dial(t, o), "certificate", "an authority that is believed, and another name")
}

// TestAPIKeyIsReadAgain: a key in a file is replaced while the process runs.
func TestAPIKeyIsReadAgain(t *testing.T) {
	local := newAuthority(t, nil, net.IPv4(127, 0, 0, 1))
	f, address := serveTLS(t, local.server)
	dir := t.TempDir()
	ca, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(ca, local.pem, 0o600))
	require.NoError(t, os.WriteFile(key, []byte("first\n"), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(dir, "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", ca)
	t.Setenv("TEMPORAL_API_KEY_FILE", key)
	o, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	require.NoError(t, dial(t, o))
	require.Equal(t, "Bearer first", *f.key.Load())
	require.NoError(t, os.WriteFile(key, []byte("second"), 0o600))
	require.Eventually(t, func() bool { return dial(t, o) == nil && *f.key.Load() == "Bearer second" }, 20*time.Second, 50*time.Millisecond)

	t.Setenv("TEMPORAL_API_KEY", "third")
	_, err = temporalclient.FromEnvironment()
	require.ErrorContains(t, err, "TEMPORAL_API_KEY_FILE")
	t.Setenv("TEMPORAL_API_KEY", "")
	t.Setenv("TEMPORAL_API_KEY_FILE", filepath.Join(dir, "not-there"))
	_, err = temporalclient.FromEnvironment()
	require.ErrorContains(t, err, "TEMPORAL_API_KEY_FILE")
}
