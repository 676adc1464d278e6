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

// TestTranslate checks what each kind of error means to a caller.
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
		{"invalid JSON is rejected", t.Context(), state("22P02"), store.ErrRejected},
		{"a violated constraint is rejected", t.Context(), state("23514"), store.ErrRejected},
		{"an index entry that is too long is rejected", t.Context(), state("54000"), store.ErrRejected},
		{"a server without transaction IDs is an outage", t.Context(), &pgconn.PgError{Code: "54000", Routine: "GetNewTransactionId"}, store.ErrUnavailable},
		{"a full disk is an outage", t.Context(), state("53100"), store.ErrUnavailable},
		{"too many connections are an outage", t.Context(), state("53300"), store.ErrUnavailable},
		{"a server that shuts down is an outage", t.Context(), state("57P01"), store.ErrUnavailable},
		{"a read-only database is an outage", t.Context(), state("25006"), store.ErrUnavailable},
		{"a deadlock after all retries is an outage", t.Context(), state("40P01"), store.ErrUnavailable},
		{"a missing table is an outage until an operator acts", t.Context(), state("42P01"), store.ErrUnavailable},
		{"a damaged page is an outage until an operator acts", t.Context(), state("XX001"), store.ErrUnavailable},
		{"a lost connection is an outage", t.Context(), io.ErrUnexpectedEOF, store.ErrUnavailable},
		{"a missing row is not found", t.Context(), pgx.ErrNoRows, store.ErrNotFound},
		{"a cancelled call returns the error of its context", ended, state("57014"), context.Canceled},
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

// TestTranslate_NotReached checks which errors prove that nothing was stored, so
// that the events may go to the queue.
func TestTranslate_NotReached(t *testing.T) {
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
		{"a server that crashed", "PANIC", "53100", false},
		{"an unknown completion", "ERROR", "40003", false},
		{"an unknown severity", "", "53100", false},
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

// TestTranslate_LostStatementsNamePoolerSetting checks that the message names the
// setting that is missing.
func TestTranslate_LostStatementsNamePoolerSetting(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"26000", "42P05"} {
		err := translate(t.Context(), state(code), "try")
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "set database.pooler to transaction") {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

// TestRolledBack checks after which errors a retry is safe.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"a deadlock was rolled back", state("40P01"), true},
		{"a serialization failure was rolled back", state("40001"), true},
		{"an unknown completion may have committed", state("40003"), false},
		{"a server that shuts down may have committed", state("57P01"), false},
		{"a connection lost in the middle may have committed", io.ErrUnexpectedEOF, false},
		{"rejected data is rejected again", state("22P02"), false},
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
