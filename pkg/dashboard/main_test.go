package dashboard_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// shared is the browser that the tests of this binary share; each has tabs of its own.
var shared browser

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // they mostly wait for seconds to pass in a page
	code := m.Run()
	shared.close()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// browser is a Chromium that the first test starts.
type browser struct {
	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	err    error
}

// patience is how long a test waits for anything: more than a loaded machine
// could take.
const patience = 60 * time.Second

func (b *browser) start(t *testing.T) context.Context {
	t.Helper()
	program := testdb.Chromium(t)
	b.once.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WSURLReadTimeout(patience))
		allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, closeBrowser := chromedp.NewContext(allocator)
		b.ctx, b.cancel = ctx, func() { closeBrowser(); closeAllocator() }
		b.err = chromedp.Do(ctx)
	})
	if b.err != nil {
		t.Fatalf("start %s: %v", program, b.err)
	}
	return b.ctx
}

func (b *browser) close() {
	if b.cancel != nil {
		b.cancel()
	}
}
