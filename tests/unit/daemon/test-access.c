#include "access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* Those who ask: uid 1000 with gid 100 and groups 27 and 4; root; and a TCP client. */
static struct group_set *groups;
enum { USER, ROOT, ANONYMOUS, N_WHO };

static struct identity
identity_of(int who)
{
	switch (who) {
	case USER:
		return (struct identity){ .pid = 1, .uid = 1000, .gid = 100, .groups = groups };
	case ROOT:
		return (struct identity){ .pid = 2 };
	default:
		return (struct identity){ .uid = (uid_t)-1, .gid = (gid_t)-1, .anonymous = true };
	}
}

static const struct {
	const char *list;
	bool admits[N_WHO];
} lists[] = {
	{ "", { false, false, false } },
	{ "*", { true, true, false } },
	{ "anonymous", { false, false, true } },
	{ "*, anonymous", { true, true, true } },
	{ "root", { false, true, false } },
	{ "@root", { false, true, false } },
	{ "uid:1000", { true, false, false } },
	{ "uid:1001", { false, false, false } },
	{ "uid:0,uid:1000", { true, true, false } },
	{ "gid:100", { true, false, false } },
	{ "gid:27", { true, false, false } },
	{ "gid:4", { true, false, false } },
	{ "gid:5", { false, false, false } },
	{ "gid:1000", { false, false, false } },
	{ "uid:100", { false, false, false } },
	{ "  uid:7 ,\troot  ,gid:4 ", { true, true, false } },
	{ "uid:4294967294", { false, false, false } },
};

static void
decisions(void **state __attribute__((unused)))
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct access_list list;
		char bad[64];

		assert_int_equal(access_list_parse(lists[i].list, &list, bad, sizeof(bad)), 0);
		for (int who = 0; who < N_WHO; who++) {
			struct identity identity = identity_of(who);

			if (access_list_admits(&list, &identity) != lists[i].admits[who])
				fail_msg("'%s' and identity %d", lists[i].list, who);
		}
		access_list_deinit(&list);
	}
}

static void
not_given(void **state __attribute__((unused)))
{
	struct access_list list = { 0 };

	for (int who = 0; who < N_WHO; who++) {
		struct identity identity = identity_of(who);

		assert_true(access_list_admits(&list, &identity));
	}
}

static const struct {
	const char *list;
	int error;
	const char *bad;
} mistakes[] = {
	{ "no-such-user-here", -ENOENT, "no-such-user-here" },
	{ "root, @no-such-group", -ENOENT, "@no-such-group" },
	{ "uid:x", -EINVAL, "uid:x" },
	{ "uid:", -EINVAL, "uid:" },
	{ "uid:-1", -EINVAL, "uid:-1" },
	{ "uid:4294967295", -EINVAL, "uid:4294967295" },
	{ "gid:1.5", -EINVAL, "gid:1.5" },
	{ "root,", -EINVAL, "," },
	{ ",root", -ENOENT, "" },
	{ "root,,root", -ENOENT, "" },
	{ "root root", -ENOENT, "root root" },
	{ "**", -ENOENT, "**" },
	{ "@", -ENOENT, "@" },
};

static void
what_is_wrong(void **state __attribute__((unused)))
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct access_list list = { .n = 77 };
		char bad[64];

		assert_int_equal(access_list_parse(mistakes[i].list, &list, bad, sizeof(bad)), mistakes[i].error);
		assert_string_equal(bad, mistakes[i].bad);
		assert_int_equal(list.n, 77); /* untouched */
	}
}

static void
printed_as_read(void **state __attribute__((unused)))
{
	static const char *const texts[] = { "*", "anonymous", "uid:12", "gid:0" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct access_list list;
		char text[32];

		assert_int_equal(access_list_parse(texts[i], &list, text, sizeof(text)), 0);
		assert_int_equal(list.n, 1);
		principal_format(&list.principals[0], text, sizeof(text));
		assert_string_equal(text, texts[i]);
		access_list_deinit(&list);
	}
}

static void
first_rule_decides(void **state __attribute__((unused)))
{
	struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);
	struct access_rule *narrow = access_rule_new("alerts.cpu"), *wide = access_rule_new("alerts.*"),
			   *all = access_rule_new("*");
	struct identity root = identity_of(ROOT);

	assert_true(access_list_admits(&access_find(NULL, S("x"))->publish, &root));
	STAILQ_INSERT_TAIL(&rules, narrow, link);
	STAILQ_INSERT_TAIL(&rules, wide, link);
	assert_ptr_equal(access_find(&rules, S("alerts.cpu")), narrow);
	assert_ptr_equal(access_find(&rules, S("alerts.cpu2")), wide);
	assert_ptr_not_equal(access_find(&rules, S("alert")), wide);
	assert_ptr_not_equal(access_find(&rules, S("")), all);
	STAILQ_INSERT_TAIL(&rules, all, link);
	assert_ptr_equal(access_find(&rules, S("alert")), all);
	assert_ptr_equal(access_find(&rules, S("")), all); /* although no pattern matches an empty name */
	/* Nobody may publish to udsd's own channels, and everybody may receive them. */
	assert_false(access_list_admits(&access_find(&rules, S("__udsd__:missed"))->publish, &root));
	assert_true(access_list_admits(&access_find(&rules, S("__udsd__:missed"))->subscribe, &root));
	access_rule_free(narrow);
	access_rule_free(wide);
	access_rule_free(all);
}

static int
make_groups(void **state __attribute__((unused)))
{
	groups = group_set_new(2);
	groups->ids[0] = 27;
	groups->ids[1] = 4;
	return 0;
}

static int
free_groups(void **state __attribute__((unused)))
{
	group_set_unref(groups);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),          cmocka_unit_test(not_given),
		cmocka_unit_test(what_is_wrong),      cmocka_unit_test(printed_as_read),
		cmocka_unit_test(first_rule_decides),
	};

	return cmocka_run_group_tests(tests, make_groups, free_groups);
}
