// Log predictions and, later, labels from Java 17 or newer, with the JDK alone:
//   java examples/java/Log.java
// sends a day of made-up customers to a Driftdeck at http://127.0.0.1:8501 (declare examples/driftdeck.toml first).
// In your service, `send` and `Batches` are all you need; `json` too, unless you have a library for it.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

public class Log {
    static final String ADDRESS = System.getenv().getOrDefault("DECK_URL", "http://127.0.0.1:8501");
    static final String TOKEN = System.getenv("DRIFTDECK_TOKEN");
    static final HttpClient HTTP =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();

    /** The server refused the rows as they are; sending them again would not help. */
    static class Refused extends IOException {
        Refused(String words) {
            super(words);
        }
    }

    /**
     * Post rows and return the answer, {"accepted": …, "duplicates": …, "rejected": […]}, which comes once they are on disk.
     *
     * <p>All attempts carry the same key, so rows that arrived although the answer was lost are not taken twice. A server that is
     * busy (429) or away says how long to wait (Retry-After), or is left alone a little longer each time.
     */
    static String send(String path, List<Map<String, Object>> rows) throws IOException, InterruptedException {
        String lines = rows.stream().map(Log::json).collect(Collectors.joining("\n")); // JSON lines: one row a line
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(ADDRESS + "/api/v1" + path))
                .timeout(Duration.ofSeconds(30))
                .header("Content-Type", "application/x-ndjson")
                .header("Idempotency-Key", UUID.randomUUID().toString())
                .POST(HttpRequest.BodyPublishers.ofString(lines));
        if (TOKEN != null) {
            request.header("Authorization", "Bearer " + TOKEN);
        }
        IOException problem = null;
        for (int attempt = 1; attempt <= 8; attempt++) {
            double pause = Math.min(30, Math.pow(2, attempt) / 8) * ThreadLocalRandom.current().nextDouble(0.5, 1.5);
            try {
                HttpResponse<String> answer = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
                int status = answer.statusCode();
                if (status < 300) {
                    return answer.body();
                }
                String words = path + ": " + status + " " + answer.body();
                if (status != 429 && status < 500) {
                    throw new Refused(words);
                }
                problem = new IOException(words);
                pause = answer.headers().firstValue("Retry-After")
                        .filter(value -> value.matches("\\d+")).map(Double::valueOf).orElse(pause);
            } catch (Refused refused) {
                throw refused;
            } catch (IOException error) {
                problem = error;
            }
            Thread.sleep((long) (pause * 1000));
        }
        throw problem;
    }

    /** Rows collected until there are enough of them, or a second has passed: one request for many predictions. */
    static class Batches {
        private final String path;
        private final List<Map<String, Object>> rows = new ArrayList<>();
        private final ScheduledExecutorService sender = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "driftdeck");
            thread.setDaemon(true);
            return thread;
        });

        Batches(String path) {
            this.path = path;
            sender.scheduleWithFixedDelay(this::post, 1, 1, TimeUnit.SECONDS);
        }

        /** Queue a row; nothing here waits for the network. */
        synchronized void add(Map<String, Object> row) {
            rows.add(row);
            if (rows.size() % 500 == 0) {
                sender.execute(this::post);
            }
        }

        /** Send what is queued and wait until all of it is answered for. */
        void flush() throws InterruptedException, ExecutionException {
            sender.submit(this::post).get();
        }

        private synchronized List<Map<String, Object>> take() {
            List<Map<String, Object>> taken = List.copyOf(rows);
            rows.clear();
            return taken;
        }

        private void post() {
            List<Map<String, Object>> taken = take();
            try {
                if (!taken.isEmpty()) {
                    told(send(path, taken));
                }
            } catch (IOException | InterruptedException error) {
                System.err.println(error.getMessage());
            }
        }
    }

    static int accepted, duplicates;

    static synchronized void told(String answer) {
        accepted += number(answer, "accepted");
        duplicates += number(answer, "duplicates");
        if (!answer.replace(" ", "").contains("\"rejected\":[]")) {
            System.err.println("not all rows were taken: " + answer);
        }
    }

    static int number(String answer, String name) {
        var found = Pattern.compile("\"" + name + "\"\\s*:\\s*(\\d+)").matcher(answer);
        return found.find() ? Integer.parseInt(found.group(1)) : 0;
    }

    /** JSON of texts, numbers, truth values, maps and null. */
    static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream().map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        }
        if (value == null || value instanceof Boolean || value instanceof Number number && Double.isFinite(number.doubleValue())) {
            return String.valueOf(value);
        }
        if (value instanceof Number) {
            return "null"; // JSON has no word for NaN and infinities
        }
        StringBuilder text = new StringBuilder("\"");
        value.toString().chars().forEach(letter -> {
            if (letter == '"' || letter == '\\') {
                text.append('\\').append((char) letter);
            } else if (letter < ' ') {
                text.append(String.format("\\u%04x", letter));
            } else {
                text.append((char) letter);
            }
        });
        return text.append('"').toString();
    }

    /** What your model makes of a customer. */
    static double model(Map<String, Object> features) {
        return 1 / (1 + Math.exp(((int) features.get("customer age") - 42) / 10.0));
    }

    /** Predictions first, as a service makes them; what became true of the customers, days later. */
    public static void main(String[] arguments) throws Exception {
        LocalDate day = LocalDate.now(ZoneOffset.UTC);
        Batches predictions = new Batches("/models/churn/logs");
        Map<String, Object> outcomes = new LinkedHashMap<>();
        for (int i = 0; i < 600; i++) {
            Map<String, Object> features = new LinkedHashMap<>();
            features.put("customer age", 20 + i * 7 % 50);
            features.put("monthly spend", 10 + i % 40);
            features.put("plan", "basic");
            features.put("has app", i % 3 > 0);
            long began = System.nanoTime();
            double score = model(features);
            String id = "java-" + day + "-" + i; // whoever learns the truth needs it again
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("prediction_id", id);
            row.put("event_time", day.atStartOfDay(ZoneOffset.UTC).plusSeconds(i).toInstant().toString());
            row.put("model_version", "2026-10");
            row.put("latency_ms", (System.nanoTime() - began) / 1e6);
            row.put("features", features);
            row.put("prediction", score > 0.5 ? "yes" : "no");
            row.put("score", score);
            predictions.add(row);
            outcomes.put(id, score > 0.6 ? "yes" : "no");
        }
        predictions.flush();

        Batches labels = new Batches("/models/churn/labels");
        outcomes.forEach((id, label) -> labels.add(Map.of("prediction_id", id, "label", label)));
        labels.flush();
        System.out.println("accepted " + accepted + ", were there " + duplicates);
    }
}
