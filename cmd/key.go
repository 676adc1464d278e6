package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const keyLong = `Creates and checks API keys. A server with auth.keys_file accepts only requests with a
key of that file, and only what its entry allows. The file has a hash of each key, never
the key itself.

Scopes: publish (send events), read (read and follow events), metrics (totals and
/metrics), admin (all of them). Topics are patterns, in which * is any text.`

const keyExample = `  eventagg key new --id shop-prod --scopes publish --topics 'order_*,refund' --expires 2027-06-30
  eventagg key new --id shop-prod >shop.key 2>>keys.yaml    # the entry goes to the keys file
  eventagg key hash <shop.key
  eventagg key check keys.yaml`

// newKeyCmd builds `eventagg key`.
func (a *app) newKeyCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Create and check API keys", Long: keyLong, Example: keyExample}
	onlyCommands(cmd)
	cmd.AddCommand(a.newKeyNewCmd(), a.newKeyHashCmd(), a.newKeyCheckCmd())
	return cmd
}

const keyNewLong = `Creates a key. The key goes to standard output, and its entry for the keys file to
standard error. The key is not stored anywhere, so it can't be shown again.`

const keyNewExample = `  eventagg key new --id web --scopes publish,read
  eventagg key new --id shop-prod >shop.key 2>>keys.yaml`

// keyEntry is the entry of a new key in a keys file.
type keyEntry struct {
	ID      string   `json:"id"                yaml:"id"`
	Hash    string   `json:"hash"              yaml:"hash"`
	Scopes  []string `json:"scopes"            yaml:"scopes,flow"`
	Topics  []string `json:"topics,omitempty"  yaml:"topics,flow,omitempty"`
	Expires string   `json:"expires,omitempty" yaml:"expires,omitempty"`
}

// newKey is the result of `eventagg key new` as JSON.
type newKey struct {
	Key string `json:"key"`

	keyEntry
}

func (a *app) newKeyNewCmd() *cobra.Command {
	var (
		entry  keyEntry
		format outputFormat
	)
	cmd := &cobra.Command{Use: "new", Short: "Create a key", Long: keyNewLong, Example: keyNewExample, Args: noArgs}
	flags := cmd.Flags()
	flags.StringVar(&entry.ID, "id", "", "`name` of the key in logs and metrics (default a random one)")
	flags.StringSliceVar(&entry.Scopes, "scopes", []string{"publish"}, "what the key allows: publish, read, metrics, admin")
	flags.StringSliceVar(&entry.Topics, "topics", nil, "`patterns` of the topics that the key may use, such as 'order_*' (default all)")
	flags.StringVar(&entry.Expires, "expires", "", "last `day` on which the key is valid, such as 2027-06-30 (default never)")
	format.addFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		// An empty shell variable must not create a key for all topics.
		if flags.Changed("topics") && len(entry.Topics) == 0 {
			return &usageError{err: errors.New("invalid --topics: the list is empty (leave the flag out for all topics)"), hint: helpHint(cmd)}
		}
		key := auth.NewKey()
		entry.Hash = key.Hash().String()
		if entry.ID == "" {
			const prefix, digits = len("sha256:"), 8
			entry.ID = "key-" + entry.Hash[prefix:prefix+digits]
		}
		text, err := formatEntry(entry)
		if err != nil {
			return &usageError{err: err, hint: helpHint(cmd)}
		}
		return a.printKey(newKey{Key: key.Reveal(), keyEntry: entry}, text, format)
	}
	return cmd
}

// formatEntry returns an entry as YAML. The parser of keys files decides whether it is
// valid.
func formatEntry(entry keyEntry) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2) //nolint:mnd // as in the guides
	if err := encoder.Encode([]keyEntry{entry}); err != nil {
		return nil, err
	}
	entries, err := auth.ParseKeys(text.Bytes())
	if err != nil {
		return nil, invalidEntry(err)
	}
	if at := entries[0].Expires; !at.IsZero() && !at.After(time.Now()) {
		return nil, errors.New("invalid --expires: the key would have expired already")
	}
	return text.Bytes(), nil
}

// invalidEntry removes the lines from the problems of an entry: the user has typed flags.
func invalidEntry(err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if _, problem, found := strings.Cut(line, ": "); found && strings.HasPrefix(line, "line ") {
			lines[i] = "invalid --" + problem
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (a *app) printKey(key newKey, entry []byte, format outputFormat) error {
	if format.json() {
		return writeJSON(a.out, key)
	}
	if _, err := fmt.Fprintf(a.errOut, "# Add this entry to the file of auth.keys_file. The key itself is shown only once.\n%s", entry); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, key.Key)
	return err
}

func (a *app) newKeyHashCmd() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "hash", Short: "Print the hash of a key from standard input", Args: noKeyArgument,
		Long: `Reads a key from standard input and prints its hash, as it is written in a keys file.
Only keys of 'eventagg key new' have one: a fast hash does not protect a password.`,
		Example: "  eventagg key hash <shop.key",
	}
	format.addFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		line, err := a.readKey(cmd.Context())
		if err != nil {
			return err
		}
		key, err := auth.ParseKey(strings.TrimSpace(line))
		if err != nil {
			return &usageError{err: err}
		}
		if format.json() {
			return writeJSON(a.out, struct {
				Hash string `json:"hash"`
			}{key.Hash().String()})
		}
		_, err = fmt.Fprintln(a.out, key.Hash())
		return err
	}
	return cmd
}

// noKeyArgument refuses arguments without repeating them: one may be a key.
func noKeyArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{
		err:  errors.New("unexpected argument: a key on the command line can be seen by other users of the machine"),
		hint: fmt.Sprintf("Send it on standard input: %s <FILE", cmd.CommandPath()),
	}
}

// checkedKey is a key of `eventagg key check` as JSON.
type checkedKey struct {
	ID          string     `json:"id"`
	Scopes      []string   `json:"scopes"`
	Topics      []string   `json:"topics,omitempty"`
	Hashes      int        `json:"hashes"`
	Certificate string     `json:"cert,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
	Expired     bool       `json:"expired"`
}

func (a *app) newKeyCheckCmd() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "check FILE", Short: "Check a keys file and list its keys",
		Long:    "Reads a keys file as the server does, and lists its keys. If the file is not valid, it lists\nevery problem by its line, and exits with 2.",
		Example: "  eventagg key check keys.yaml",
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &usageError{err: errors.New("expected the path of a keys file"), hint: helpHint(cmd)}
		}
		return nil
	}
	format.addFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		text, err := os.ReadFile(args[0])
		if err != nil {
			return &usageError{err: err}
		}
		entries, err := auth.ParseKeys(text)
		if err == nil {
			_, err = auth.NewSet(entries, 0)
		}
		if err != nil {
			return &usageError{err: fmt.Errorf("%s: %w", args[0], err)}
		}
		return a.listKeys(entries, format)
	}
	return cmd
}

func (a *app) listKeys(entries []auth.Entry, format outputFormat) error {
	now := time.Now()
	if format.json() {
		keys := make([]checkedKey, len(entries))
		for i, e := range entries {
			keys[i] = checkedKey{
				ID: e.ID, Scopes: strings.Fields(e.Scopes.String()), Topics: e.Topics, Hashes: len(e.Hashes),
				Certificate: e.Certificate, Expired: expired(e, now),
			}
			if !e.Expires.IsZero() {
				keys[i].Expires = &e.Expires
			}
		}
		return writeJSON(a.out, keys)
	}
	t := terminal.Table{Heading: []string{"ID", "SCOPES", "TOPICS", "EXPIRES", "PROVED BY"}}
	for _, e := range entries {
		topics, proof := strings.Join(e.Topics, ", "), e.Certificate
		if topics == "" {
			topics = "all"
		}
		if proof == "" {
			proof = fmt.Sprintf("%d hash(es)", len(e.Hashes))
		}
		t.Add(e.ID, e.Scopes.String(), terminal.Printable(topics), expiry(e, now), terminal.Printable(proof))
	}
	return t.Write(a.out)
}

func expired(e auth.Entry, now time.Time) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }

// expiry returns when a key expires. The date in a keys file is the last day.
func expiry(e auth.Entry, now time.Time) string {
	switch at := e.Expires.UTC(); {
	case at.IsZero():
		return "never"
	case expired(e, now):
		return "expired"
	case at.Equal(at.Truncate(24 * time.Hour)): //nolint:mnd // a day
		return "after " + at.AddDate(0, 0, -1).Format(time.DateOnly)
	default:
		return at.Format(time.RFC3339)
	}
}
