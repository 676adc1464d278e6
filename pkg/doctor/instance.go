package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// instanceRules are the checks of this machine and of the configuration.
func instanceRules() []rule {
	return []rule{
		{check: "open files", judge: openFiles},
		{check: "keys", judge: keys},
		{check: "exposure", judge: exposure},
		{check: "allowed hosts", judge: hosts},
		{check: "certificate", judge: certificate},
	}
}

// ownFiles are the descriptors besides those of HTTP connections: pools, files, the log.
const ownFiles = 128

func openFiles(f Facts) result {
	i := f.Instance
	text := fmt.Sprintf("the limit of open files is %d, and http.max_connections is %d", i.FileLimit, i.MaxConnections)
	switch {
	case i.FileLimit == 0:
		return ok("there is no limit of open files")
	case i.FileLimit < i.MaxConnections+ownFiles:
		return found(Warning, text+": serve accepts fewer connections", "raise the limit for the user of serve (LimitNOFILE in systemd, ulimit -n), or lower http.max_connections")
	default:
		return ok("%s", text)
	}
}

func keys(f Facts) result {
	i := f.Instance
	if i.KeysError != nil {
		return found(Failure, "the API keys can't be used: "+i.KeysError.Error(), "correct auth.keys_file; serve does not start")
	}
	var expired, soon []string
	for _, id := range slices.Sorted(maps.Keys(i.KeysExpire)) {
		level := expiry(id, i.KeysExpire[id], f.Now, "").level
		if level == Failure {
			expired = append(expired, id)
		}
		if level == Warning {
			soon = append(soon, id)
		}
	}
	switch {
	case len(soon) > 0:
		return found(Warning, "keys expire within 14 days: "+strings.Join(soon, ", "), "create new keys with 'eventagg key new'")
	case len(expired) > 0:
		return found(Note, "keys have expired: "+strings.Join(expired, ", "), "remove their entries if no client uses them")
	case i.Keys == 0:
		return ok("there are no API keys")
	default:
		return ok("%s", count(i.Keys, "API key", "API keys"))
	}
}

func exposure(f Facts) result {
	i := f.Instance
	switch {
	case i.Loopback:
		return ok("only this machine can reach %s", i.Address)
	case i.Keys == 0 && !i.ClientCertificates:
		return found(Warning, "every client that reaches "+i.Address+" can publish and read events", "create keys with 'eventagg key new', and set auth.keys_file")
	case !i.TLS && !i.Proxies:
		return found(Warning, "other machines reach "+i.Address+" without TLS: others on the network can read events and keys", "set tls.cert and tls.key, or http.trusted_proxies if a proxy ends TLS")
	default:
		return ok("other machines reach %s with keys or certificates", i.Address)
	}
}

func hosts(f Facts) result {
	if f.Instance.AnyHost {
		return found(Warning, "http.allowed_hosts permits every name: a web page can reach the server by DNS rebinding", "name the hosts of this server")
	}
	return ok("requests need a host of this server")
}

func certificate(f Facts) result {
	switch i := f.Instance; {
	case i.CertificateError != nil:
		return found(Failure, "the TLS certificate can't be used: "+i.CertificateError.Error(), "correct tls.cert and tls.key; serve does not start")
	case i.CertificateExpires.IsZero():
		return ok("there is no TLS certificate")
	default:
		return expiry("the TLS certificate", i.CertificateExpires, f.Now, "renew it and replace the files; serve loads them within 15 seconds")
	}
}
