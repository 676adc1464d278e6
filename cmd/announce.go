package cmd

import (
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/eventagg/eventagg/pkg/config"
)

// announce says that the server listens: where, where the data goes, and what
// to type next. Where the log is for machines, it is one line of the log.
func (a *app) announce(s *service, c config.Config, log *slog.Logger) {
	addr := s.listener.Addr()
	if c.Log.Format == "json" {
		log.Info("listening", slog.String("addr", addr.String()), slog.String("database", s.database.String()),
			slog.String("broker", config.Redact(c.Broker.URL)), slog.String("role", c.Broker.Role), slog.String("version", a.version))
		return
	}
	where := s.database.String() + queueLine(c.Broker)
	takes := c.Broker.URL == "" || c.Broker.Role != "worker"
	_, _ = fmt.Fprint(a.errOut, startMessage(a.version, baseURL(addr), where, c.Client.URL, takes))
	if host, _, err := net.SplitHostPort(addr.String()); err == nil && isUnspecified(host) {
		_, _ = fmt.Fprintln(a.errOut, "It listens on every address of this machine, and there is no login: mind who can reach it.")
	}
}

// queueLine says where events are queued and what that means, if they are.
func queueLine(c config.Broker) string {
	if c.URL == "" {
		return ""
	}
	meaning := "while the database can't take them"
	switch {
	case c.Role == "worker":
		meaning = "by others; this instance only stores them"
	case c.Ack == "queued":
		meaning = "first: 202 means queued"
	}
	return "\n  queueing in   " + config.Redact(c.URL) + ", " + meaning
}

// startMessage is what serve greets people with. Commands are given with --url
// only where the server is not the one they talk to anyway, and those that
// publish only where it takes events.
func startMessage(version, url, database, clientURL string, takes bool) string {
	flag := ""
	if url != strings.TrimSuffix(clientURL, "/") {
		flag = " --url " + url
	}
	publish := ""
	if takes {
		publish = fmt.Sprintf(`  curl %s/publish -H 'Content-Type: application/json' -d '{"topic": "greeting",
    "event_id": "1", "timestamp": "2025-12-19T12:00:00Z", "source": "me", "payload": {"text": "hello"}}'
  eventagg publish%s --count 20000 --dup-rate 0.3
`, url, flag)
	}
	return fmt.Sprintf(`eventagg %[1]s
  listening on  %[2]s
  storing in    %[3]s
  dashboard     %[2]s/

Each event is stored once; an answer of success means it is committed. Try, in another terminal:

%[5]s  eventagg stats%[4]s
  eventagg tail%[4]s -f

Ctrl-C finishes what has been accepted, then stops.
`, version, url, database, flag, publish)
}

// baseURL is where a client on this machine reaches a listener. An address that
// stands for all interfaces is no place to connect to, so it becomes localhost.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if isUnspecified(host) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// isUnspecified reports whether an address stands for all interfaces.
func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}
