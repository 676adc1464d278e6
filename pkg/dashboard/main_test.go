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

// chromium is the one browser of all tests. Each test has its own tabs.
var chromium browser

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // they wait for the page most of the time
	code := m.Run()
	chromium.close()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// browser is a Chromium that starts with the first test.
type browser struct {
	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	err    error
}

// timeout limits each wait of a test. It is long enough for a busy machine.
const timeout = 60 * time.Second

func (b *browser) start(t *testing.T) context.Context {
	t.Helper()
	program := testdb.Chromium(t)
	b.once.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WSURLReadTimeout(timeout))
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
