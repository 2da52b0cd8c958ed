// Verifies a leaf against an authority as Java clients do: by the PKIX path validator and by the
// default trust manager, which also judges key usages. Arguments: ca.crt leaf.crt host.

import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

public class Verify {
  static X509Certificate read(CertificateFactory factory, String path) throws Exception {
    try (InputStream in = new FileInputStream(path)) {
      return (X509Certificate) factory.generateCertificate(in);
    }
  }

  public static void main(String[] arguments) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    X509Certificate authority = read(factory, arguments[0]);
    X509Certificate leaf = read(factory, arguments[1]);

    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(authority, null)));
    parameters.setRevocationEnabled(false);
    CertPathValidator.getInstance("PKIX")
        .validate(factory.generateCertPath(List.of(leaf)), parameters);

    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    store.setCertificateEntry("run", authority);
    TrustManagerFactory managers =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(store);
    X509TrustManager manager = (X509TrustManager) managers.getTrustManagers()[0];
    manager.checkServerTrusted(new X509Certificate[] {leaf}, "ECDHE_ECDSA");

    Collection<List<?>> names = leaf.getSubjectAlternativeNames();
    if (names.size() != 1 || !names.iterator().next().get(1).equals(arguments[2])) {
      throw new Exception("names " + names + ", want " + arguments[2]);
    }
  }
}
