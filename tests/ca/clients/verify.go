// Verifies a leaf against an authority as a Go client does. Arguments: ca.crt leaf.crt host.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func read(path string) *x509.Certificate {
	contents, err := os.ReadFile(path)
	if err != nil {
		fail(err)
	}
	block, _ := pem.Decode(contents)
	if block == nil {
		fail(fmt.Errorf("%s holds no PEM", path))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fail(err)
	}
	return certificate
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	authority, leaf, host := read(os.Args[1]), read(os.Args[2]), os.Args[3]
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:     roots,
		DNSName:   host,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		fail(err)
	}
	if len(chains) != 1 || len(chains[0]) != 2 {
		fail(fmt.Errorf("unexpected chains: %v", chains))
	}
	if !authority.IsCA || !authority.MaxPathLenZero || leaf.IsCA {
		fail(fmt.Errorf("wrong basic constraints"))
	}
	if string(leaf.AuthorityKeyId) != string(authority.SubjectKeyId) || len(leaf.SubjectKeyId) == 0 {
		fail(fmt.Errorf("wrong key identifiers"))
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) != 1 {
		fail(fmt.Errorf("names %v %v, want one", leaf.DNSNames, leaf.IPAddresses))
	}
	if lifetime := leaf.NotAfter.Sub(leaf.NotBefore); lifetime > 24*time.Hour {
		fail(fmt.Errorf("valid for %v", lifetime))
	}
	if leaf.SerialNumber.Sign() <= 0 || leaf.SerialNumber.BitLen() > 128 {
		fail(fmt.Errorf("serial %v", leaf.SerialNumber))
	}
}
