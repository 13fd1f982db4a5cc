package lifeline

import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit.SECONDS
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.supervisorScope
import okhttp3.OkHttpClient
import okhttp3.Request

private const val usage =
  """--url <http…/graphql> --token-url <where a GET answers the token> --state <folder> [--socket-url <ws…/graphql>] [--heartbeat-ms <ms>]
  and any of: --account <id>  --calls all  --channel <pattern>"""

/**
 * Shows the streams it is asked for, each event once, as lines of JSON, until its standard input ends. A line of input stands for what Android's
 * ConnectivityManager tells: the network is back.
 */
fun main(args: Array<String>) {
  val given = args.toList().chunked(2).associate { (name, value) -> name to value }
  fun need(name: String) = given[name] ?: error("$name is missing. $usage")
  val url = need("--url")
  val state = Files.createDirectories(Path.of(need("--state")))
  val report = Report()
  val tokens = Tokens(tokenFrom(need("--token-url")))
  val heartbeat = (given["--heartbeat-ms"]?.toInt() ?: 15_000).milliseconds

  Connection(url, given["--socket-url"] ?: url, tokens, heartbeat, report).use { connection ->
    val acknowledger = Acknowledger(connection.client, tokens, report)
    fun <T> stream(name: String, source: Source<T>) =
      EventStream(name, source, Inbox(state.resolve(name)), connection, tokens, acknowledger, report) { event, via ->
        report.event(name, event, via)
      }

    val client = connection.client
    val streams =
      listOfNotNull(
        given["--account"]?.let { "coverage" to stream("coverage", coverageUpdates(client, it)) },
        given["--calls"]?.let { "calls" to stream("calls", videoVisitEvents(client)) },
        given["--channel"]?.let { "channel" to stream("channel", memberEvents(client, it)) },
      )
    thread(isDaemon = true) {
      generateSequence(::readlnOrNull).forEach { _ ->
        streams.forEach { (_, stream) -> stream.wake() }
        acknowledger.wake()
      }
      Runtime.getRuntime().halt(0)
    }
    runBlocking {
      val background = listOf(launch { acknowledger.run() }, launch { connection.keepFresh() })
      supervisorScope {
        for ((name, stream) in streams) launch {
          try {
            stream.run()
          } catch (problem: Problem) {
            report.stopped(name, problem) // the others go on
          }
        }
      }
      background.forEach { it.cancel() }
    }
  }
}

private fun tokenFrom(url: String): () -> String {
  val http = OkHttpClient.Builder().callTimeout(10, SECONDS).build()
  return {
    http.newCall(Request.Builder().url(url).build()).execute().use {
      if (!it.isSuccessful) throw IOException("HTTP ${it.code}")
      it.body.string()
    }
  }
}
