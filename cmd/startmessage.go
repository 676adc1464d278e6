package cmd

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// reportStart reports the address, the database and the queue of the server. A terminal
// gets a message for people, with commands to try. A log gets one record with the same
// facts, because its other lines are records, too.
func (a *app) reportStart(s *service, c config.Config, log *slog.Logger) {
	if c.Log.Format != "json" && terminal.IsTerminal(a.errOut) {
		a.printStart(s, c)
		return
	}
	addr := s.listener.Addr().String()
	log.Info("listening", slog.String("url", s.url()), slog.String("addr", addr), slog.String("database", s.database.String()),
		slog.String("queue", config.Redact(c.Broker.URL)), slog.String("role", c.Broker.Role), slog.String("version", a.version), slog.Bool("keys", s.keys != nil))
	if servesEveryone(s, c) {
		log.Warn("no API keys: every client that reaches the address can publish and read events", slog.String("addr", addr))
	}
}

// servesEveryone reports whether clients on other machines need neither a key nor a certificate.
func servesEveryone(s *service, c config.Config) bool {
	return s.keys == nil && c.TLS.ClientCA == "" && !isLoopback(s.listener.Addr().String())
}

// printStart prints the message for people.
func (a *app) printStart(s *service, c config.Config) {
	_, _ = fmt.Fprint(a.errOut, startMessage(startInfo{
		version: a.version, url: s.url(), clientURL: c.Client.URL,
		storage: s.database.String() + queueLine(c.Broker),
		accepts: c.Broker.URL == "" || c.Broker.Role != "worker",
		keys:    s.keys != nil,
	}))
	if servesEveryone(s, c) {
		_, _ = fmt.Fprintln(a.errOut, "Without API keys every client that reaches this address can publish and read events.")
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

// startInfo is what the message of serve depends on.
type startInfo struct {
	version, url, storage string
	clientURL             string // client.url
	accepts               bool   // the instance accepts events
	keys                  bool   // requests need an API key
}

// startMessage returns the message of serve for people. The commands in it have --url
// only if the server is not at client.url, and a key only if they need one. They include
// publishing only if the instance accepts events.
func startMessage(info startInfo) string {
	flags, header := "", ""
	if info.url != strings.TrimSuffix(info.clientURL, "/") {
		flags = " --url " + info.url
	}
	if info.keys {
		flags += " --api-key-file FILE"
		header = " -H 'Authorization: Bearer KEY'"
	}
	publish := ""
	if info.accepts {
		publish = fmt.Sprintf(`  curl %s/publish%s -H 'Content-Type: application/json' -d '{"topic": "greeting",
    "event_id": "1", "timestamp": "2025-12-19T12:00:00Z", "source": "me", "payload": {"text": "hello"}}'
  eventagg publish%s --count 20000 --dup-rate 0.3
`, info.url, header, flags)
	}
	return fmt.Sprintf(`eventagg %[1]s
  listening on  %[2]s
  storing in    %[3]s
  dashboard     %[2]s/

Each event is stored exactly once; the response success means committed. Try in another terminal:

%[5]s  eventagg stats%[4]s
  eventagg tail%[4]s -f

Ctrl-C finishes accepted requests, then stops.
`, info.version, info.url, info.storage, flags, publish)
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

// isLoopback reports whether only this machine can reach an address, as host:port.
func isLoopback(address string) bool {
	parsed, err := netip.ParseAddrPort(address)
	return err == nil && parsed.Addr().IsLoopback()
}
