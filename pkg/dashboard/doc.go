// Package dashboard serves the web page of an eventagg server: totals and rates,
// topics, live events, health. It is internal to this program. The page is one
// embedded response, and the browser loads nothing else but the data of the server:
//
//	page ──/stats, /stats/series, /stats/topics, /readyz──▶ polled while the tab is visible
//	  └──/events/stream────────────────────────────────────▶ followed, and resumed after an interruption
//
// The folder page has its markup, its style and its scripts. All scripts are one
// module, so their order matters:
//
//	texts.js       all texts in English and Indonesian, formats of numbers and times
//	page.js        elements, state, language and theme
//	json.js        JSON as text, because a browser rounds long numbers
//	connection.js  state of the connection, requests and polls
//	stats.js       totals, their history and health
//	chart.js       the chart of that history
//	topics.js      the table of topics
//	events.js      the list of events
//	stream.js      the stream of events, which the tabs of a browser share
//	session.js     the key of the reader
//	main.js        the start
//
// Published events can be hostile. The page inserts them only as text, never as
// markup. Its Content-Security-Policy allows only its own script and style (by
// hash) and its own origin, and Trusted Types forbid to assign markup. So a mistake
// in a script can't run code of a sender.
package dashboard
