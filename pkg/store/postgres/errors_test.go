package postgres

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/store"
)

// TestTranslate has what each kind of error means to a caller.
func TestTranslate(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want error
	}{
		{"text that is no JSON is rejected for ever", t.Context(), state("22P02"), store.ErrRejected},
		{"a broken constraint is rejected for ever", t.Context(), state("23514"), store.ErrRejected},
		{"an index entry too long is rejected for ever", t.Context(), state("54000"), store.ErrRejected},
		{"a full disk may pass", t.Context(), state("53100"), store.ErrUnavailable},
		{"too many connections may pass", t.Context(), state("53300"), store.ErrUnavailable},
		{"a server that shuts down may pass", t.Context(), state("57P01"), store.ErrUnavailable},
		{"a read-only database may pass", t.Context(), state("25006"), store.ErrUnavailable},
		{"a deadlock that outlived its retries may pass", t.Context(), state("40P01"), store.ErrUnavailable},
		{"a missing table is for the operator, and callers wait", t.Context(), state("42P01"), store.ErrUnavailable},
		{"a broken page is for the operator, and callers wait", t.Context(), state("XX001"), store.ErrUnavailable},
		{"a lost connection may pass", t.Context(), io.ErrUnexpectedEOF, store.ErrUnavailable},
		{"no row is not found", t.Context(), pgx.ErrNoRows, store.ErrNotFound},
		{"a caller that went away gets its own error", ended, state("57014"), context.Canceled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := translate(test.ctx, test.err, "try"); !errors.Is(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestErrorsThatEndTheTransactionAlone has which errors leave certainly nothing
// behind, so that the events may go another way.
func TestErrorsThatEndTheTransactionAlone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		severity, code string
		want           bool
	}{
		{"a full disk", "ERROR", "53100", true},
		{"a read-only transaction", "ERROR", "25006", true},
		{"a statement that was cancelled", "ERROR", "57014", true},
		{"a session that was ended", "FATAL", "57P01", false},
		{"a server that broke down", "PANIC", "53100", false},
		{"an unknown completion", "ERROR", "40003", false},
		{"a severity that the server did not tell", "", "53100", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := translate(t.Context(), &pgconn.PgError{SeverityUnlocalized: row.severity, Code: row.code}, "try")
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) != row.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLostStatementsNameThePooler: whoever forgot the setting is told it.
func TestLostStatementsNameThePooler(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"26000", "42P05"} {
		err := translate(t.Context(), state(code), "try")
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "set database.pooler to transaction") {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

// TestRolledBack has which errors are safe to try again without asking anyone.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"a deadlock was rolled back", state("40P01"), true},
		{"a serialization failure was rolled back", state("40001"), true},
		{"of an unknown completion nothing is known", state("40003"), false},
		{"of a server that shuts down nothing is known", state("57P01"), false},
		{"of a connection lost in the middle nothing is known", io.ErrUnexpectedEOF, false},
		{"data that is refused stays refused", state("22P02"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := rolledBack(test.err); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func state(code string) error { return &pgconn.PgError{Code: code, Message: "as the server says"} }
