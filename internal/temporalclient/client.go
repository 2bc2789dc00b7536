// Package temporalclient connects to Temporal, and prepares a namespace for aftercall.
package temporalclient

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/aftercall/aftercall/internal/certfile"
	"github.com/aftercall/aftercall/internal/keys"
)

// FromEnvironment are the connection options that Temporal's own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS_…) and configuration file give. The error names what is wrong with them.
func FromEnvironment() (client.Options, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{})
	if err != nil {
		return client.Options{}, fmt.Errorf("TEMPORAL_… settings: %w", err)
	}
	o, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return o, fmt.Errorf("TEMPORAL_… settings: %w", err)
	}
	if err := readCertificateAgain(&o, profile.TLS); err != nil {
		return o, fmt.Errorf("TEMPORAL_TLS_CLIENT_CERT_PATH: %w", err)
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	return o, nil
}

// readCertificateAgain lets every new connection show the client certificate that the files hold by then: short-lived ones
// are replaced while we run.
func readCertificateAgain(o *client.Options, files *envconfig.ClientConfigTLS) error {
	if o.ConnectionOptions.TLS == nil || files == nil || files.ClientCertPath == "" || files.ClientKeyPath == "" {
		return nil
	}
	pair, err := certfile.New(files.ClientCertPath, files.ClientKeyPath, nil)
	if err != nil {
		return err
	}
	o.ConnectionOptions.TLS.Certificates = nil
	o.ConnectionOptions.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return pair.Current(), nil
	}
	return nil
}

// New is a client that connects when it is first used: Temporal may be away when the process starts. It encrypts and
// decrypts with the ring, once the gate is open, and so do workers made from it.
func New(o client.Options, ring *keys.Ring, gate *Gate, l *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	o.DataConverter, o.FailureConverter = NewDataConverter(ring, gate), NewFailureConverter(ring, gate)
	if ring.CanSeal() {
		o.Identity = identity()
	}
	o.Logger = log.NewStructuredLogger(l)
	o.MetricsHandler = metrics
	c, err := client.NewLazyClient(o)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}
