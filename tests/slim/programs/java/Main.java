import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.time.*;
import javax.net.ssl.*;
public class Main {
  static String answer() throws Exception {
    var zone = ZonedDateTime.ofInstant(Instant.EPOCH, ZoneId.of("Asia/Tokyo"));
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init((KeyStore) null);
    int known = ((X509TrustManager) trust.getTrustManagers()[0]).getAcceptedIssuers().length;
    var text = new String(Main.class.getResourceAsStream("hello.txt").readAllBytes());
    return text.strip() + " " + zone + " " + (known > 50) + " " + String.format("%,d", 1234567);
  }
  public static void main(String[] args) throws Exception {
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", __PORT__), 0);
    server.createContext("/", exchange -> {
      try {
        byte[] body = answer().getBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
      } catch (Exception error) { error.printStackTrace(); }
      exchange.close();
    });
    server.start();
  }
}
