package cmd

import (
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/eventagg/eventagg/pkg/config"
)

// reportStart prints the address of the server, its database and queue, and commands to
// try. If the log is JSON, it writes one log record instead.
func (a *app) reportStart(s *service, c config.Config, log *slog.Logger) {
	addr := s.listener.Addr()
	if c.Log.Format == "json" {
		log.Info("listening", slog.String("addr", addr.String()), slog.String("database", s.database.String()),
			slog.String("queue", config.Redact(c.Broker.URL)), slog.String("role", c.Broker.Role), slog.String("version", a.version), slog.String("url", s.url()))
		return
	}
	target := s.database.String() + queueLine(c.Broker)
	accepts := c.Broker.URL == "" || c.Broker.Role != "worker"
	_, _ = fmt.Fprint(a.errOut, startMessage(a.version, s.url(), target, c.Client.URL, accepts))
	if host, _, err := net.SplitHostPort(addr.String()); err == nil && isUnspecified(host) {
		_, _ = fmt.Fprintln(a.errOut, "It listens on all addresses of this machine without authentication: make sure that only your senders can connect.")
	}
}

// queueLine returns the line about the queue, if there is one.
func queueLine(c config.Broker) string {
	if c.URL == "" {
		return ""
	}
	meaning := "while the database is unavailable"
	switch {
	case c.Role == "worker":
		meaning = "from other instances; this one only stores events"
	case c.Ack == "queued":
		meaning = "all events; 202 means queued"
	}
	return "\n  queueing in   " + config.Redact(c.URL) + ", " + meaning
}

// startMessage returns the message of serve for people. The commands in it have --url
// only if the server is not at client.url, and they include publishing only if the
// instance accepts events.
func startMessage(version, url, database, clientURL string, accepts bool) string {
	flag := ""
	if url != strings.TrimSuffix(clientURL, "/") {
		flag = " --url " + url
	}
	publish := ""
	if accepts {
		publish = fmt.Sprintf(`  curl %s/publish -H 'Content-Type: application/json' -d '{"topic": "greeting",
    "event_id": "1", "timestamp": "2025-12-19T12:00:00Z", "source": "me", "payload": {"text": "hello"}}'
  eventagg publish%s --count 20000 --dup-rate 0.3
`, url, flag)
	}
	return fmt.Sprintf(`eventagg %[1]s
  listening on  %[2]s
  storing in    %[3]s
  dashboard     %[2]s/

Each event is stored exactly once; the response success means committed. Try in another terminal:

%[5]s  eventagg stats%[4]s
  eventagg tail%[4]s -f

Ctrl-C finishes accepted requests, then stops.
`, version, url, database, flag, publish)
}

// url returns the URL of the server for clients on this machine.
func (s *service) url() string {
	if s.certificates != nil {
		return "https://" + localAddress(s.listener.Addr().String())
	}
	return "http://" + localAddress(s.listener.Addr().String())
}

// localAddress returns the address of a listener for clients on this machine. It replaces
// the address of all interfaces, which clients can't connect to, by localhost.
func localAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if host == "" || isUnspecified(host) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// isUnspecified reports whether an address means all interfaces.
func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}
