import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * Gets a URL as any Java program would: the default client, whose proxy and trust store come from
 * JAVA_TOOL_OPTIONS.
 */
public final class JavaClient {
  public static void main(String[] arguments) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(arguments[0]))
            .header("X-Api-Key", System.getenv("API_KEY"))
            .build();
    HttpResponse<String> reply =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(reply.body());
  }

  private JavaClient() {}
}
