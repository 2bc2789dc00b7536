// Package certtest makes certificates for tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"
)

// Certificate is one for an hour, of an authority of its own.
type Certificate struct {
	tls.Certificate
	Authority []byte         // in PEM
	Pool      *x509.CertPool // with the authority
	cert, key []byte         // in PEM
}

// New makes a certificate for names and addresses. It panics where the machine has no randomness.
func New(names ...string) Certificate {
	ca, caKey := template(), newKey()
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER := sign(ca, ca, caKey, caKey)
	leaf, key := template(), newKey()
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	der := sign(leaf, ca, key, caKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	c := Certificate{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, Authority: encode("CERTIFICATE", caDER), Pool: x509.NewCertPool(),
		cert: encode("CERTIFICATE", der), key: encode("PRIVATE KEY", keyDER),
	}
	c.Pool.AppendCertsFromPEM(c.Authority)
	return c
}

// Write writes the certificate and its key into two files.
func (c Certificate) Write(certFile, keyFile string) error {
	return errors.Join(os.WriteFile(certFile, c.cert, 0o600), os.WriteFile(keyFile, c.key, 0o600))
}

// Serial tells one certificate from another.
func (c Certificate) Serial() string {
	leaf, err := x509.ParseCertificate(c.Certificate.Certificate[0])
	if err != nil {
		panic(err)
	}
	return leaf.SerialNumber.String()
}

func template() *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		panic(err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
