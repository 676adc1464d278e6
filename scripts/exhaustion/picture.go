package main

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// The size of the picture and of its parts in pixels.
const (
	pictureWidth  = 960
	leftMargin    = 330 // names of the attacks
	topMargin     = 50
	memoryHeight  = 260
	gap           = 46
	latencyHeight = 120
	rowHeight     = 17
)

// draw returns the picture as SVG: memory over time with its limit, the latency of the
// well-behaved sender, and when each attack ran.
func (r *record) draw(o options) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var p picture
	p.length = o.length
	for _, s := range r.samples {
		p.length = max(p.length, s.at)
	}
	latencyTop := topMargin + memoryHeight + gap
	attacksTop := latencyTop + latencyHeight + gap
	height := attacksTop + rowHeight*len(r.periods) + 20
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`, pictureWidth, height)
	p.add(`<rect width="100%%" height="100%%" fill="#fff"/>`)
	all, stored, _ := r.totals()
	p.text(16, 24, "start", 15, fmt.Sprintf("Peak memory %d MiB of %d; %d of %d events of the well-behaved sender stored, p99 %v",
		r.peak>>20, o.memory, stored, all, r.percentile(0.99).Round(time.Millisecond)))
	r.drawMemory(&p, o.memory)
	r.drawLatency(&p, latencyTop)
	for i, a := range r.periods {
		y := attacksTop + i*rowHeight
		p.text(leftMargin-8, y+11, "end", 12, a.name)
		p.add(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#c0504d" fill-opacity="0.75"/>`, p.x(a.from), y, p.x(r.end)-p.x(a.from), rowHeight-4)
	}
	p.add("</svg>\n")
	return []byte(p.String())
}

// drawMemory draws the resident memory and its limit.
func (r *record) drawMemory(p *picture, limit int64) {
	highest := max(float64(limit), float64(r.peak>>20)) * 1.1
	y := func(mib float64) float64 { return topMargin + memoryHeight*(1-mib/highest) }
	step := 64.0
	for highest/step > 8 {
		step *= 2
	}
	for mib := 0.0; mib < highest; mib += step {
		p.grid(y(mib), fmt.Sprintf("%.0f MiB", mib))
	}
	points := make([]string, 0, len(r.samples))
	for _, s := range r.samples {
		points = append(points, fmt.Sprintf("%.1f,%.1f", p.x(s.at), y(float64(s.memory)/(1<<20))))
	}
	p.add(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#c00" stroke-dasharray="6 4"/>`, leftMargin, pictureWidth-10, y(float64(limit)), y(float64(limit)))
	p.text(pictureWidth-10, int(y(float64(limit)))-5, "end", 12, "limit")
	p.add(`<polyline fill="none" stroke="#1f4e79" stroke-width="2" points="%s"/>`, strings.Join(points, " "))
	p.text(16, topMargin+12, "start", 13, "resident memory of the server")
}

// drawLatency draws the latency of each event, and marks those that were not stored.
func (r *record) drawLatency(p *picture, top int) {
	highest := max(100*time.Millisecond, r.percentile(1))
	y := func(d time.Duration) float64 { return float64(top) + latencyHeight*(1-float64(d)/float64(highest)) }
	p.grid(y(0), "0")
	p.grid(y(highest/2), (highest / 2).Round(time.Millisecond).String())
	p.grid(y(highest), highest.Round(time.Millisecond).String())
	for _, d := range r.deliveries {
		colour := "#2e7d32"
		if !d.stored {
			colour = "#c00"
		}
		p.add(`<circle cx="%.1f" cy="%.1f" r="1.4" fill="%s"/>`, p.x(d.at), y(d.took), colour)
	}
	p.text(16, top+12, "start", 13, "latency of the well-behaved sender")
	for s := time.Duration(0); s <= p.length; s += 10 * time.Second {
		p.text(int(p.x(s)), top+latencyHeight+16, "middle", 11, s.String())
	}
}

// picture is an SVG that is being written.
type picture struct {
	strings.Builder

	length time.Duration
}

// x is the position of a time.
func (p *picture) x(at time.Duration) float64 {
	return leftMargin + (pictureWidth-10-leftMargin)*float64(at)/float64(p.length)
}

func (p *picture) add(format string, arguments ...any) {
	_, _ = fmt.Fprintf(&p.Builder, format+"\n", arguments...)
}

func (p *picture) text(x, y int, anchor string, size int, text string) {
	p.add(`<text x="%d" y="%d" text-anchor="%s" font-size="%d" fill="#333">%s</text>`, x, y, anchor, size, html.EscapeString(text))
}

// grid draws a horizontal line with a label.
func (p *picture) grid(y float64, label string) {
	p.add(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`, leftMargin, pictureWidth-10, y, y)
	p.text(leftMargin-8, int(y)+4, "end", 11, label)
}
