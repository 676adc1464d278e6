package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A statement about many rows is prepared for 64, 8 and 1 of them. One call of a
// statement costs as much as the work for a row, so 64 rows at once take half the time
// of 64 calls.
const (
	blockRows = 64 // the maximum
	fewerRows = 8
)

// rowCounts are the numbers of rows of the forms of a [rowsStatement].
func rowCounts() [3]int { return [...]int{blockRows, fewerRows, 1} }

// rowsStatement is a statement about many rows, prepared for each of rowCounts.
type rowsStatement [3]*stdsql.Stmt

// rowPattern is the row of parameters in the text of such a statement.
var rowPattern = regexp.MustCompile(`\(\?(, \?)*\)`)

var errNoRow = errors.New("the statement has no row of parameters such as (?, ?)")

// prepareRows prepares the statement with this file name. Its text has one row of
// parameters, which is repeated.
func prepareRows(ctx context.Context, db *stdsql.DB, name string) (prepared rowsStatement, err error) {
	text, err := statement(name)
	if err != nil {
		return prepared, err
	}
	row := rowPattern.FindString(text)
	if row == "" {
		return prepared, fmt.Errorf("prepare the statement %s: %w", name, errNoRow)
	}
	for i, count := range rowCounts() {
		repeated := strings.Replace(text, row, row+strings.Repeat(", "+row, count-1), 1)
		if prepared[i], err = db.PrepareContext(ctx, repeated); err != nil { //nolint:sqlclosecheck // closed with the pool
			return prepared, translate(ctx, err, "prepare the statement "+name)
		}
	}
	return prepared, nil
}

// inTransaction returns the statement in the form for a transaction, which closes it.
func (s rowsStatement) inTransaction(ctx context.Context, tx *stdsql.Tx) rowsStatement {
	for i := range s {
		s[i] = tx.StmtContext(ctx, s[i])
	}
	return s
}

// close closes the form for a transaction. It can't fail: the transaction closes it,
// too.
func (s rowsStatement) close() {
	for _, form := range s {
		_ = form.Close()
	}
}

// forRows calls run with the form of the statement for each block of up to
// blockRows of count rows: the rows from (included) to (not included).
func (s rowsStatement) forRows(count int, run func(block *stdsql.Stmt, from, to int) error) error {
	sizes := rowCounts()
	for from, form := 0, 0; from < count; {
		for sizes[form] > count-from {
			form++
		}
		to := from + sizes[form]
		if err := run(s[form], from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}
