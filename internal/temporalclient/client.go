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

// FromEnvironment are the connection options that Temporal's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS_…) and configuration file give, and TEMPORAL_API_KEY_FILE. Certificates, authorities and a
// key in files are read again when these change. The error names what is wrong with them.
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

// keyFromFile gives the profile the API key that a file holds. It returns nil where no file is named.
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
	profile.APIKey = key.Current() // which turns TLS on
	return key, nil
}

// readCertificateAgain lets every new connection show the client certificate that the files hold by then: short-lived ones
// are replaced while we run.
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

// readAuthoritiesAgain has every new connection checked by the authorities that the file holds by then. TLS takes them as
// a value only, so that its own check is put out and done here, in the same way.
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

// hostOf is the host of an address, which may begin with gRPC's scheme of a resolver.
func hostOf(address string) string {
	address = address[strings.LastIndex(address, "/")+1:]
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// New is a client that connects when it is first used: Temporal may be away when the process starts. It encrypts and
// decrypts with the ring, once the gate is open, and so do workers made from it.
func New(o client.Options, ring *keys.Ring, gate *Gate, l *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	o.DataConverter, o.FailureConverter = NewDataConverter(ring, gate), NewFailureConverter(ring, gate)
	o.Identity = identity(ring.CanSeal())
	// Compression is a seventh of what a signal costs us, and what is encrypted does not shrink.
	o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	o.Logger = log.NewStructuredLogger(l)
	o.MetricsHandler = metrics
	c, err := client.NewLazyClient(o)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}
