from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('dataflow_site', '0001_sign_in_failures'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='signinfailures',
            options={'permissions': [('open_admin', 'Can open the administration')]},
        ),
    ]
