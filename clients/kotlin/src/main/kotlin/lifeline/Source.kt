package lifeline

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.Optional
import com.apollographql.apollo.api.Query
import com.apollographql.apollo.api.Subscription
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import lifeline.api.PollCoverageUpdatesQuery
import lifeline.api.PollMemberEventsQuery
import lifeline.api.PollVideoVisitEventsQuery
import lifeline.api.WatchCoverageUpdatesSubscription
import lifeline.api.WatchMemberEventsSubscription
import lifeline.api.WatchVideoVisitEventsSubscription
import lifeline.api.fragment.CoverageUpdateFields
import lifeline.api.fragment.DeliveryFields
import lifeline.api.fragment.MemberEventFields
import lifeline.api.fragment.PageFields
import lifeline.api.fragment.VideoVisitEventFields

class Event<out T>(val type: String, val delivery: DeliveryFields, val value: T)

class Page<out T>(val events: List<Event<T>>, val info: PageFields, val pollAfter: Duration)

/** One field of the contract, asked both ways. Both throw a [Problem]. */
class Source<T>(val watch: (after: String?) -> Flow<Event<T>>, val poll: suspend (after: String?) -> Page<T>)

fun coverageUpdates(client: ApolloClient, accountId: String): Source<CoverageUpdateFields> {
  fun event(fields: CoverageUpdateFields) = Event(fields.type, fields.delivery.deliveryFields, fields)
  return source(
    client,
    { WatchCoverageUpdatesSubscription(accountId, it) },
    { event(it.coverageUpdates.coverageUpdateFields) },
    { PollCoverageUpdatesQuery(accountId, it) },
    { (page) -> Page(page.nodes.map { event(it.coverageUpdateFields) }, page.pageInfo.pageFields, page.pollAfterMs.milliseconds) },
  )
}

/** One call, or every call of the member without [callId]. */
fun videoVisitEvents(client: ApolloClient, callId: String? = null): Source<VideoVisitEventFields> {
  fun event(fields: VideoVisitEventFields) = Event(fields.type, fields.delivery.deliveryFields, fields)
  val call = Optional.presentIfNotNull(callId)
  return source(
    client,
    { WatchVideoVisitEventsSubscription(call, it) },
    { event(it.videoVisitEvents.videoVisitEventFields) },
    { PollVideoVisitEventsQuery(call, it) },
    { (page) -> Page(page.nodes.map { event(it.videoVisitEventFields) }, page.pageInfo.pageFields, page.pollAfterMs.milliseconds) },
  )
}

/** By channel pattern, e.g. `/member/m-1/` followed by two stars for everything of the member. */
fun memberEvents(client: ApolloClient, channel: String): Source<MemberEventFields> {
  fun event(fields: MemberEventFields) = Event(fields.type, fields.delivery.deliveryFields, fields)
  return source(
    client,
    { WatchMemberEventsSubscription(channel, it) },
    { event(it.memberEvents.memberEventFields) },
    { PollMemberEventsQuery(channel, it) },
    { (page) -> Page(page.nodes.map { event(it.memberEventFields) }, page.pageInfo.pageFields, page.pollAfterMs.milliseconds) },
  )
}

private fun <T, S : Subscription.Data, Q : Query.Data> source(
  client: ApolloClient,
  subscription: (after: Optional<String?>) -> Subscription<S>,
  event: (S) -> Event<T>,
  query: (after: Optional<String?>) -> Query<Q>,
  page: (Q) -> Page<T>,
) =
  Source(
    watch = { after ->
      client.subscription(subscription(Optional.presentIfNotNull(after))).toFlow().map { event(it.dataOrProblem()) }
    },
    poll = { after -> page(client.query(query(Optional.presentIfNotNull(after))).execute().dataOrProblem()) },
  )
