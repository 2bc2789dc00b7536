package temporalclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

	"github.com/aftercall/aftercall/internal/certfile/certtest"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// tlsFrontend is a Temporal that presents a certificate, which may change, and records the API key of the last request.
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

// TestAuthoritiesAreReadAgain: the authority behind Temporal's certificate changes while the process runs. The client
// trusts only the authorities in the file, before and after.
func TestAuthoritiesAreReadAgain(t *testing.T) {
	first, second, otherName := certtest.New("127.0.0.1"), certtest.New("127.0.0.1"), certtest.New("temporal.example")
	f, address := serveTLS(t, first.Certificate)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, first.Authority, 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", file)
	o, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	require.NoError(t, dial(t, o))

	f.shows.Store(&second.Certificate)
	require.Error(t, dial(t, o), "of an authority that is not in the file")
	require.NoError(t, os.WriteFile(file, append(first.Authority, second.Authority...), 0o600))
	require.Eventually(t, func() bool { return dial(t, o) == nil }, 30*time.Second, 50*time.Millisecond)
	f.shows.Store(&first.Certificate)
	require.NoError(t, dial(t, o), "both are believed")

	require.NoError(t, os.WriteFile(file, otherName.Authority, 0o600))
	f.shows.Store(&otherName.Certificate)
	t.Setenv("TEMPORAL_TLS_SERVER_NAME", "temporal.example")
	named, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	require.NoError(t, dial(t, named), "the name that is asked for")
	require.Eventually(t, func() bool {
		f.shows.Store(&first.Certificate)
		return dial(t, o) != nil
	}, 30*time.Second, 50*time.Millisecond, "what is gone from the file is not believed any more")
	f.shows.Store(&otherName.Certificate)
	require.ErrorContains(t, dial(t, o), "certificate", "an authority that is believed, and another name")
}

// TestAPIKeyIsReadAgain: a key in a file is replaced while the process runs.
func TestAPIKeyIsReadAgain(t *testing.T) {
	local := certtest.New("127.0.0.1")
	f, address := serveTLS(t, local.Certificate)
	dir := t.TempDir()
	ca, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(ca, local.Authority, 0o600))
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
	require.Eventually(t, func() bool { return dial(t, o) == nil && *f.key.Load() == "Bearer second" }, 30*time.Second, 50*time.Millisecond)

	t.Setenv("TEMPORAL_API_KEY", "third")
	_, err = temporalclient.FromEnvironment()
	require.ErrorContains(t, err, "TEMPORAL_API_KEY_FILE")
	t.Setenv("TEMPORAL_API_KEY", "")
	t.Setenv("TEMPORAL_API_KEY_FILE", filepath.Join(dir, "not-there"))
	_, err = temporalclient.FromEnvironment()
	require.ErrorContains(t, err, "TEMPORAL_API_KEY_FILE")
}

// TestClientCertificateIsReadAgain: a short-lived certificate is replaced while the process runs.
func TestClientCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	first, second := certtest.New(), certtest.New()
	require.NoError(t, first.Write(certFile, keyFile))
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(dir, "none.toml"))
	t.Setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", certFile)
	t.Setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", keyFile)
	o, err := temporalclient.FromEnvironment()
	require.NoError(t, err)
	serial := func() string {
		c, err := o.ConnectionOptions.TLS.GetClientCertificate(&tls.CertificateRequestInfo{})
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		require.NoError(t, err)
		return leaf.SerialNumber.String()
	}
	require.Equal(t, first.Serial(), serial())
	require.NoError(t, second.Write(certFile, keyFile))
	require.Eventually(t, func() bool { return serial() == second.Serial() }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, os.WriteFile(keyFile, []byte("half"), 0o600))
	require.Never(t, func() bool { return serial() != second.Serial() }, 1500*time.Millisecond, 100*time.Millisecond, "the last one that could be read")
}
