// Package temporalclient connects to Temporal, and prepares a namespace for aftercall.
package temporalclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/aftercall/aftercall/internal/certfile"
	"github.com/aftercall/aftercall/internal/keys"
)

// FromEnvironment returns the connection options of Temporal's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS_…) and configuration file, and of TEMPORAL_API_KEY_FILE. Certificates, authorities and a
// key in files are read again when the files change. The error names the faulty setting.
func FromEnvironment() (client.Options, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{})
	if err != nil {
		return client.Options{}, fmt.Errorf("TEMPORAL_… settings: %w", err)
	}
	key, err := keyFromFile(&profile)
	if err != nil {
		return client.Options{}, err
	}
	o, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return o, fmt.Errorf("TEMPORAL_… settings: %w", err)
	}
	if key != nil {
		o.Credentials = client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return key.Current(), nil })
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	if profile.TLS != nil && o.ConnectionOptions.TLS != nil {
		err = errors.Join(readCertificateAgain(&o, profile.TLS), readAuthoritiesAgain(&o, profile.TLS))
	}
	return o, err
}

// keyFile names a file with the API key. It is a variable of ours beside Temporal's own.
const keyFile = "TEMPORAL_API_KEY_FILE"

// keyFromFile sets the profile's API key from a file. It returns nil if no file is named.
func keyFromFile(profile *envconfig.ClientConfigProfile) (*certfile.Watched[string], error) {
	path := os.Getenv(keyFile)
	if path == "" {
		return nil, nil
	}
	if profile.APIKey != "" {
		return nil, errors.New(keyFile + ": TEMPORAL_API_KEY is set too, or the configuration file has a key; leave one of them")
	}
	key, err := certfile.Secret(path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	profile.APIKey = key.Current() // this turns TLS on
	return key, nil
}

// readCertificateAgain makes every new connection present the current client certificate of the files, since short-lived
// certificates are replaced while we run.
func readCertificateAgain(o *client.Options, files *envconfig.ClientConfigTLS) error {
	if files.ClientCertPath == "" || files.ClientKeyPath == "" {
		return nil
	}
	pair, err := certfile.New(files.ClientCertPath, files.ClientKeyPath, nil)
	if err != nil {
		return fmt.Errorf("TEMPORAL_TLS_CLIENT_CERT_PATH: %w", err)
	}
	o.ConnectionOptions.TLS.Certificates = nil
	o.ConnectionOptions.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return pair.Current(), nil
	}
	return nil
}

// readAuthoritiesAgain makes every new connection verify the server with the current authorities of the file. TLS accepts
// authorities only as a value, so its own check is turned off and done here in the same way.
func readAuthoritiesAgain(o *client.Options, files *envconfig.ClientConfigTLS) error {
	cfg := o.ConnectionOptions.TLS
	if files.ServerCACertPath == "" || cfg.InsecureSkipVerify {
		return nil
	}
	authorities, err := certfile.Authorities(files.ServerCACertPath, nil)
	if err != nil {
		return fmt.Errorf("TEMPORAL_TLS_SERVER_CA_CERT_PATH: %w", err)
	}
	name := cmp.Or(cfg.ServerName, hostOf(o.ConnectionOptions.Authority), hostOf(o.HostPort))
	cfg.InsecureSkipVerify = true // VerifyConnection verifies
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		check := x509.VerifyOptions{
			Roots: authorities.Current(), DNSName: cmp.Or(state.ServerName, name), Intermediates: x509.NewCertPool(),
		}
		for _, c := range state.PeerCertificates[1:] {
			check.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(check)
		return err
	}
	return nil
}

// hostOf returns the host of an address, which may begin with the scheme of a gRPC resolver.
func hostOf(address string) string {
	address = address[strings.LastIndex(address, "/")+1:]
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// New returns a client that connects at its first use, since Temporal may be away when the process starts. The client and
// its workers encrypt and decrypt with the ring. They encrypt only once the gate is open.
func New(o client.Options, ring *keys.Ring, gate *Gate, l *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	o.DataConverter, o.FailureConverter = NewDataConverter(ring, gate), NewFailureConverter(ring, gate)
	o.Identity = identity(ring.CanSeal())
	// Compression is a seventh of what a signal costs us, and encrypted data does not shrink.
	o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	o.Logger = log.NewStructuredLogger(l)
	o.MetricsHandler = metrics
	c, err := client.NewLazyClient(o)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}
